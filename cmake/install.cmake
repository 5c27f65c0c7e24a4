# What `cmake --install` installs: the program, the headers of include/merbench, the libraries that have them,
# and merbench.pc, by which pkg-config knows how to compile and link with these.
include(GNUInstallDirs)

# In the order in which a linker wants them: who calls before who is called.
set(INSTALLED merbench_train merbench_cuda merbench_kernels merbench_models merbench_graph merbench_data
    merbench_score merbench_base)
install(TARGETS merbench)
install(TARGETS ${INSTALLED} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/merbench DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

list(TRANSFORM INSTALLED PREPEND -l OUTPUT_VARIABLE INSTALLED_LINKS)
list(APPEND INSTALLED_LINKS ${HDF5_C_LIBRARIES})
if(MERBENCH_HAVE_CUDA)
  find_package(CUDAToolkit REQUIRED)
  list(APPEND INSTALLED_LINKS -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -lstdc++ -lrt -ldl)
endif()
list(APPEND INSTALLED_LINKS -pthread -lm)
list(JOIN INSTALLED_LINKS " " INSTALLED_LINKS)
file(RELATIVE_PATH INSTALLED_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/merbench.pc.in merbench.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/merbench.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
