namespace Tessera.Server.Hosting;

/// <summary>Whether requests should be sent here: not before the first model is loaded, and not while the server stops.</summary>
internal sealed class Readiness
{
    private volatile bool isReady;

    public bool IsReady
    {
        get => isReady;
        set => isReady = value;
    }
}
