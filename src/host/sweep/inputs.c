#include "sweep/inputs.h"

#include <stdio.h>
#include <stdlib.h>

const char *const mb_fusion_names[MB_FUSION_COUNT] = {"AVT", "AV", "AT", "VT"};

enum { LISTS = 3 };

static const int32_t modalities[MB_FUSION_COUNT][LISTS] = {
    [MB_FUSION_AVT] = {MB_AUDIO, MB_TEXT, MB_VIDEO},
    [MB_FUSION_AV] = {MB_AUDIO, MB_VIDEO, MB_VIDEO},
    [MB_FUSION_AT] = {MB_AUDIO, MB_TEXT, MB_TEXT},
    [MB_FUSION_VT] = {MB_TEXT, MB_TEXT, MB_VIDEO},
};

int32_t mb_input_count(const mb_input_order *order) {
    return order->ranks == 0 ? MB_MODALITY_COUNT : LISTS * order->ranks;
}

int32_t mb_input_modality(const mb_input_order *order, int32_t stream) {
    return order->ranks == 0 ? stream : modalities[order->fusion][stream / order->ranks];
}

bool mb_input_repeats(const mb_input_order *order, int32_t stream) {
    return order->ranks > 0 && stream >= order->ranks &&
           mb_input_modality(order, stream - order->ranks) == mb_input_modality(order, stream);
}

int32_t mb_input_stream(const mb_input_order *order, int32_t modality, int32_t rank) {
    if (order->ranks == 0)
        return modality;
    for (int32_t list = 0; list < LISTS; list++)
        if (modalities[order->fusion][list] == modality)
            return (list + 1) * order->ranks - rank;
    return -1;
}

char *mb_input_text(const mb_input_order *order, char *const features[]) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *separator = "";
    if (out == NULL)
        return NULL;
    int32_t ranks = order->ranks > 0 ? order->ranks : 1;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        for (int32_t rank = 1; rank <= ranks; rank++) {
            int32_t stream = mb_input_stream(order, m, rank);
            if (stream < 0 || features[stream] == NULL)
                continue;
            fprintf(out, "%s%s=%s", separator, mb_modality_names[m], features[stream]);
            separator = ", ";
        }
    if (order->ranks > 0 && order->fusion != MB_FUSION_AVT)
        fprintf(out, "%sfusion_modality=%s", separator, mb_fusion_names[order->fusion]);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
