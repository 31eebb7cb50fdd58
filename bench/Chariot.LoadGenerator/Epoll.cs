using System.Runtime.InteropServices;

namespace Chariot.LoadGenerator;

/// <summary>Readiness of many sockets on one thread: Linux epoll(7), and recv/send without a wait.</summary>
internal sealed unsafe partial class Epoll : IDisposable
{
    public const uint In = 0x001;
    public const uint Out = 0x004;
    private const int AddOperation = 1;
    private const int ModifyOperation = 3;
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int Again = 11;
    private const int Interrupted = 4;
    private const int MostEvents = 512;
    private readonly int _handle = Check(epoll_create1(0));
    private readonly byte* _events = (byte*)NativeMemory.Alloc(MostEvents, (nuint)EventSize);

    // The kernel packs the structure on x86-64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Watches a socket; <paramref name="tag"/> comes back with its events.</summary>
    public void Add(int socket, int tag) => Control(AddOperation, socket, In, tag);

    public void Watch(int socket, uint events, int tag) => Control(ModifyOperation, socket, events, tag);

    /// <summary>Waits at most <paramref name="milliseconds"/>; returns how many events there are.</summary>
    public int Wait(int milliseconds)
    {
        var count = epoll_wait(_handle, _events, MostEvents, milliseconds);
        return count >= 0 ? count : Marshal.GetLastPInvokeError() == Interrupted ? 0 : Check(count);
    }

    public (uint Events, int Tag) this[int index]
    {
        get
        {
            var entry = _events + (index * EventSize);
            return (*(uint*)entry, *(int*)(entry + EventSize - 8));
        }
    }

    /// <summary>Bytes read; 0 at the end of the stream, -1 when there is nothing now.</summary>
    public static int Receive(int socket, byte* buffer, int length) => Outcome((int)recv(socket, buffer, (nuint)length, DontWait));

    /// <summary>Bytes written; -1 when nothing fits now.</summary>
    public static int Send(int socket, byte* buffer, int length) => Outcome((int)send(socket, buffer, (nuint)length, DontWait | NoSignal));

    public void Dispose()
    {
        NativeMemory.Free(_events);
        _ = close(_handle);
    }

    private static int Outcome(int result) =>
        result >= 0 || Marshal.GetLastPInvokeError() is Again or Interrupted ? result : throw new IOException($"the broker closed a connection (error {Marshal.GetLastPInvokeError()})");

    private void Control(int operation, int socket, uint events, int tag)
    {
        var entry = stackalloc byte[16];
        *(uint*)entry = events;
        *(long*)(entry + EventSize - 8) = tag;
        Check(epoll_ctl(_handle, operation, socket, entry));
    }

    private static int Check(int result) => result >= 0 ? result : throw new IOException($"epoll failed with error {Marshal.GetLastPInvokeError()}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int handle, int operation, int socket, byte* entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int handle, byte* events, int count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial int close(int handle);
}
