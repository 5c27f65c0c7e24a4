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

# Table 17: one feature in all three slots. Times depend on the machine, so that only their form is checked.
expect 0 model attention --complexity --dims audio=768,text=768,video=768 --device cpu
prints '15245312, 476416 for each sample'
matches '^  parameters +477962$'
matches '^  parameters of the model, trained +477962$'
matches '^  multiply-accumulates, forward +476800$' # 3 * 128 more: the weighted sum of the modalities
matches '^  training step +[0-9.e-]+ ms$'
matches '^  inference +[0-9.e-]+ ms$'
prints 'for each sample, on cpu'
prints 'batches of 32'
expect 0 model mult --complexity --dims audio=4,text=6,video=5 --steps audio=5,text=6,video=7 --feature-type frm_unalign \
    --set hidden_dim=8 --set layers=2 --batch 2 --isa portable --json
prints '"device":	"cpu portable"'
prints '"batch":	2'
matches '"training_milliseconds_per_sample":	[0-9]'
matches '"inference_milliseconds_per_sample":	[0-9]'
matches '"measured_steps":	1[0-9][0-9]'
check 'frames of each modality' [ "$(grep -cE '"(audio|text|video)":	[567]' "$STDOUT")" -eq 5 ]
expect 0 model mult --complexity --dims audio=4,text=6,video=5 --steps audio=5,text=6,video=7 --feature-type frm_unalign \
    --set hidden_dim=8 --set layers=2 --batch 1 --device cpu
prints 'dimensions 4, 6, 5, frames 5, 6, 7,'
expect 1 model tfn --complexity --dims audio=4,text=6,video=5 --set hidden_dim=1024 --device cpu
complains 'model tfn: a training step needs'
expect 2 model attention --device cpu
complains 'a device is chosen for --complexity'
expect 2 model --complexity
complains 'the NAME of a model is missing'
expect 3 model mult --complexity --feature-type utt
complains 'feature_type: model mult needs sequences'

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
