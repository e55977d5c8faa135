namespace Tessera.Checkpoints.Families;

/// <summary>A language model alone.</summary>
internal sealed class LanguageOnly(string architecture) : CheckpointFamily
{
    public override string Name => architecture;

    public override (Side Side, string Name) Place(string name) => (Side.Language, name);

    public override Settings LanguageConfig(Settings config) => config;
}
