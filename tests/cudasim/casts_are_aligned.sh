# In debug builds of nvcc (-G), local arrays of a thread are in memory, aligned only like their
# elements, so a cast to a vector would be misaligned. Only four.cuh, for shared and global memory,
# may cast to vectors.
# usage: casts_are_aligned.sh FOLDER_OF_KERNELS
vector='(const )?(float|double|u?(int|char|short|longlong))[1-4] *\*'
found=$(cd "$1" && grep -nE "\($vector *\)|_cast<$vector *>" -- *.cu *.cuh | grep -v '^four\.cuh:')
if [ -n "$found" ]; then
    echo "casts to vectors outside of four.cuh:"
    echo "$found"
    exit 1
fi
[ -f "$1/four.cuh" ] || { echo "there is no $1/four.cuh"; exit 1; }
