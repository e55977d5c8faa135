namespace Tessera.Fuzz.Kinds;

/// <summary>Does what must not be, each tenth time, so that the tests see that the watchdog finds it.</summary>
internal sealed class SelfTestKind : FuzzKind
{
    public const string Id = "self-test";
    private int next;

    public override string Name => Id;

    // The first byte says what happens.
    public override byte[] Make(Random random) => [(byte)random.Next(10)];

    public override Task<bool> TryAsync(byte[] input)
    {
        switch (input[0])
        {
            case 0:
                throw new TesseraException("It is refused.");
            case 1:
                throw new InvalidOperationException("It is not documented.");
            case 2:
                throw new TesseraException($"It goes wrong   at {nameof(TryAsync)}.");
            case 3:
                Environment.Exit(3);
                break;
            case 4:
                while (true)
                    next++;
            case 5:
                Fill();
                break;
        }

        return Task.FromResult(true);
    }

    private static unsafe void Fill()
    {
        while (true)
        {
            const int Length = 64 << 20;
            void* memory = System.Runtime.InteropServices.NativeMemory.Alloc(Length);
            new Span<byte>(memory, Length).Fill(1);
        }
    }
}
