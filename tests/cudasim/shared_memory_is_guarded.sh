# AddressSanitizer puts redzones only around the __shared__ arrays of functions with internal
# linkage. So template kernels and inline functions with shared memory must be static, too.
# usage: shared_memory_is_guarded.sh NM LIBRARY
found=$("$1" -C "$2" 2>/dev/null | grep -E '^[0-9a-f]+ [uV] .*\)( const)?::[^:]+$' |
    grep -vE ' (guard variable|typeinfo|vtable) ')
if [ -n "$found" ]; then
    echo "shared memory that AddressSanitizer does not guard; make the function static:"
    echo "$found"
    exit 1
fi
