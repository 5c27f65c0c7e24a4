# Whether this build has the CUDA executor: sets MERBENCH_HAVE_CUDA and, where it has, makes CUDA a
# language of the project. CMAKE_CUDA_COMPILER or the environment's CUDACXX name an nvcc that is not
# on the PATH.
set(MERBENCH_CUDA AUTO CACHE STRING "The CUDA executor: ON, OFF, or AUTO, where there is an nvcc")
set_property(CACHE MERBENCH_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT MERBENCH_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "MERBENCH_CUDA: expected AUTO, ON or OFF, found '${MERBENCH_CUDA}'")
endif()

set(MERBENCH_HAVE_CUDA OFF)
set(reason "")
if(MERBENCH_CUDA STREQUAL "OFF")
  set(reason "MERBENCH_CUDA is OFF")
elseif(MERBENCH_SANITIZE)
  # nvcc is not for sanitizers; under them tests/cudasim executes the kernels.
  set(reason "sanitizers are on")
else()
  # A100 and H100; the intermediate code of the latter for whatever comes later.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING
        "Devices that the CUDA kernels are compiled for")
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
      set(reason "${CMAKE_CUDA_COMPILER} is CUDA ${CMAKE_CUDA_COMPILER_VERSION}, 12 or later is needed")
    else()
      set(MERBENCH_HAVE_CUDA ON)
    endif()
  else()
    set(reason "no working nvcc on the PATH, nor in CMAKE_CUDA_COMPILER or CUDACXX")
  endif()
endif()

if(MERBENCH_HAVE_CUDA)
  message(STATUS "CUDA executor: yes, ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION} for "
                 "${CMAKE_CUDA_ARCHITECTURES}")
elseif(MERBENCH_CUDA STREQUAL "ON")
  message(FATAL_ERROR "MERBENCH_CUDA is ON, but: ${reason}")
else()
  message(STATUS "CUDA executor: no, ${reason}")
endif()
