# The sources of the CUDA executor, for nvcc and for the simulator (tests/cudasim).
set(CUDA_SOURCES attention.cu backend.cu columns.cu convolve.cu copy_rows.cu debug.cu decoder.cu
    decoder_grad.cu discrepancy.cu dropout.cu elementwise.cu execute.cu gated_memory.cu gated_memory_grad.cu
    gather.cu linear.cu loss.cu mix.cu moments.cu norm.cu op_clock.cu optim.cu outer.cu outer_gradient.cu
    rank.cu recurrent.cu sequence.cu shuffle.cu similarity.cu softmax.cu source.cu source_pass.cu start.cu
    step.cu survey.cu tally.cu)
list(TRANSFORM CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
