using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>An owning native pointer. The number of live ones is counted, so that a test can assert that nothing leaks.</summary>
internal abstract class OwnedHandle : SafeHandle
{
    private static int liveCount;

    protected OwnedHandle() : base(0, ownsHandle: true) => Interlocked.Increment(ref liveCount);

    /// <summary>Owning handles that have been created and not yet released, of all kinds.</summary>
    public static int LiveCount => Volatile.Read(ref liveCount);

    public override bool IsInvalid => handle == 0;

    protected abstract void Free(nint pointer);

    protected override bool ReleaseHandle()
    {
        Free(handle);
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (!counted) return;
        counted = false;
        Interlocked.Decrement(ref liveCount);
        base.Dispose(disposing);
    }

    private bool counted = true;
}
