# Writes texts into a C file: cmake -DOUTPUT=FILE.c -DNAME=ARRAY "-DFILES=a.json;b.json" -P embed.cmake
# The file defines `const mb_embedded_text ARRAY[]`, in the order of the files.
set(arrays "")
set(list "")
set(number 0)
foreach(file IN LISTS FILES)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char text${number}[] = {${bytes}0};\n")
  string(APPEND list "    {(const char *)text${number}, sizeof text${number} - 1},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "// Made by cmake/embed.cmake.\n#include \"paper/embedded.h\"\n\n${arrays}\n"
     "const mb_embedded_text ${NAME}[] = {\n${list}};\n")
