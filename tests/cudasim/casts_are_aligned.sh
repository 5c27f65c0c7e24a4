# Arrays of a thread lie in memory in debug builds of nvcc (-G), where they are aligned like their
# elements: a cast to a vector would be misaligned. What is aligned for casts goes through four.cuh.
# usage: casts_are_aligned.sh FOLDER, that of the kernels
vector='(const )?(float|double|u?(int|char|short|longlong))[1-4] *\*'
found=$(cd "$1" && grep -nE "\($vector *\)|_cast<$vector *>" -- *.cu *.cuh | grep -v '^four\.cuh:')
if [ -n "$found" ]; then
    echo "casts to vectors outside of four.cuh:"
    echo "$found"
    exit 1
fi
[ -f "$1/four.cuh" ] || { echo "there is no $1/four.cuh"; exit 1; }
