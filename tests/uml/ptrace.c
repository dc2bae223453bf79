/* UML writes the floating-point registers of its processes by PTRACE_SETREGSET with a buffer of the size that it knew
 * when it was built. A kernel on a processor with AMX takes the whole area only, and answers EFAULT. This shim reads the
 * whole area first and puts UML's part over it. On other processors that changes nothing. */
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PEEK_FIRST 1
#define PEEK_LAST 3
#define GETREGSET 0x4204L
#define SETREGSET 0x4205
#define X86_XSTATE 0x202

static char area[1 << 16] __attribute__((aligned(64)));

long ptrace(int request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	long pid = va_arg(arguments, long), address = va_arg(arguments, long), data = va_arg(arguments, long);
	va_end(arguments);
	if (request >= PEEK_FIRST && request <= PEEK_LAST) {
		long word, result = syscall(SYS_ptrace, (long)request, pid, address, &word);
		return result < 0 ? result : word;
	}
	if (request == SETREGSET && address == X86_XSTATE) {
		struct iovec *part = (struct iovec *)data, whole = { area, sizeof area };
		if (syscall(SYS_ptrace, GETREGSET, pid, address, &whole) < 0)
			return -1;
		memcpy(area, part->iov_base, part->iov_len < whole.iov_len ? part->iov_len : whole.iov_len);
		return syscall(SYS_ptrace, (long)request, pid, address, &whole);
	}
	return syscall(SYS_ptrace, (long)request, pid, address, data);
}
