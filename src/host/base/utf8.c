#include "base/utf8.h"

size_t mb_utf8_character(const char *text, size_t left) {
    const unsigned char *c = (const unsigned char *)text;
    size_t bytes = 1;
    if (c[0] < 0x80)
        return 1;
    if (c[0] >= 0xC2 && c[0] <= 0xDF)
        bytes = 2;
    else if ((c[0] & 0xF0) == 0xE0)
        bytes = 3;
    else if (c[0] >= 0xF0 && c[0] <= 0xF4)
        bytes = 4;
    else
        return 0;
    if (bytes > left)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xF0 && c[1] < 0x90);
    bool surrogate = c[0] == 0xED && c[1] >= 0xA0, beyond = c[0] == 0xF4 && c[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : bytes;
}

bool mb_is_utf8(const char *text, size_t length) {
    for (size_t position = 0, bytes; position < length; position += bytes) {
        bytes = mb_utf8_character(text + position, length - position);
        if (bytes == 0)
            return false;
    }
    return true;
}
