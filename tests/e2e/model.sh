#!/usr/bin/env bash
# merbench model: the list, the options and costs of a model, and wrong arguments.
source "$(dirname "$0")/lib.sh"

expect 0 model
prints 'attention'
expect 0 model --json
prints '"attention"'

# 6912 * 128 first-layer weights, 11 * 128^2 others, biases and heads.
expect 0 model attention --dims audio=1024,text=5120,video=768 --set hidden_dim=128
prints 'parameters                          1067786'
expect 0 model attention --dims audio=0,video=0 --set hidden_dim=64 --json
prints '"parameters":	336519'
prints '"audio":	0'
expect 0 model attention --feature-type frm_align --steps audio=5,text=5,video=5 --set weights=softmax
prints 'frm_align'
expect 0 model mult # has no use for one vector an utterance
prints 'frm_align'
expect 3 model mult --feature-type utt
complains 'feature_type: model mult needs sequences'
expect 3 model mult --steps audio=2,text=5,video=5
complains 'conv1d_kernel_size: expected at most 2, the number of frames of features.audio, found 3'
expect 3 model mult --set num_heads=7
complains 'num_heads: expected a divisor of hidden_dim'

# With three features, attention under other names: (6912 + 11 * 128) * 128 weights again.
expect 0 model attention_topn --set hidden_dim=128
prints 'for utt features of dimensions 1024, 5120, 768, 6 classes, 1 value'
prints 'parameters                          1067786'
expect 0 model attention_topn --dims 4,5,6,7,8,9 --json
prints '"dims":	[4, 5, 6, 7, 8, 9]'
expect 3 model attention_topn --dims 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1
complains 'model attention_topn takes 1 to 18, found 19'
expect 3 model attention_topn --feature-type frm_align
complains 'feature_type: model attention_topn takes only utt'
expect 2 model attention_topn --dims audio=4
complains "model attention_topn takes a list of dimensions"
expect 2 model attention_topn --dims 4,0
expect 2 model attention --dims 4,5,6
complains 'model attention takes dimensions by modality'

expect 2 model atention
complains "did you mean 'attention'?"
expect 2 model attention --set hiden_dim=3
complains "did you mean 'hidden_dim'?"
expect 2 model attention --set weights=hard
expect 2 model attention --set hidden_dim=wide
expect 2 model attention --dims sound=4
expect 2 model attention --batch 0
expect 2 model attention --nonsense
expect 2 model attention --dims
expect 2 model --dims text=4
expect 3 model attention --set hidden_dim=0
complains 'hidden_dim'
expect 3 model attention --dims audio=0,text=0,video=0
expect 3 model attention --classes 0 --values 0
expect 0 model --help
prints 'usage: merbench model'
finish
