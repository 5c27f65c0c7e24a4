// The feature files of one utterance.
#ifndef MB_DATA_MERTOOLS_FILES_H
#define MB_DATA_MERTOOLS_FILES_H

#include "data/npy.h"

// Names of the entries of a folder in the order of their bytes, without hidden ones; free with
// mb_h5_free_names.
mb_status mb_list_folder(const char *folder, char ***names, int *count, mb_error *error);

// UTTERANCE.npy. `digest` receives that of the file's bytes; free frames->values also after a
// failure.
mb_status mb_read_frame_file(const char *path, mb_frames *frames, char digest[33], mb_error *error);

// UTTERANCE/*.npy, one frame a file, in the order of the file names.
mb_status mb_read_frame_folder(const char *folder, mb_frames *frames, char digest[33],
                               mb_error *error);

#endif
