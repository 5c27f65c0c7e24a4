// Reads the feature files of one utterance.
#ifndef MB_DATA_MERTOOLS_FILES_H
#define MB_DATA_MERTOOLS_FILES_H

#include "data/npy.h"

// Lists the names of the entries of a folder, sorted by their bytes. Hidden entries are left out.
// Free the names with mb_h5_free_names.
mb_status mb_list_folder(const char *folder, char ***names, int *count, mb_error *error);

// Reads UTTERANCE.npy. `digest` receives the digest of the file's bytes. The caller frees
// frames->values, also after a failure.
mb_status mb_read_frame_file(const char *path, mb_frames *frames, char digest[33], mb_error *error);

// Reads UTTERANCE/*.npy, one frame per file, in the order of the file names.
mb_status mb_read_frame_folder(const char *folder, mb_frames *frames, char digest[33],
                               mb_error *error);

#endif
