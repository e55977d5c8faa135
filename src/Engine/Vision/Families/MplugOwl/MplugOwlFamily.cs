namespace Tessera.Vision.Families.MplugOwl;

/// <summary>mPLUG-Owl 1 and 2, a row each.</summary>
internal static class MplugOwlFamily
{
    public static VisionFamily Row { get; } =
        new(
            ["abstractor"],
            static _ => true,
            static _ => "mPLUG-Owl",
            static (file, _) => PartsOf(MplugOwlConfig.Read(file), MplugOwlPrompt.Wording),
            MplugOwlShape.Released
        );

    public static VisionFamily SecondRow { get; } =
        new(
            ["mplug_owl2"],
            static _ => true,
            static _ => "mPLUG-Owl2",
            static (file, _) => PartsOf(MplugOwlConfig.ReadSecond(file), MplugOwlPrompt.SecondWording) with { Languages = ["mplug_owl2"] },
            MplugOwlShape.SecondReleased
        );

    private static FamilyParts PartsOf(MplugOwlConfig config, FamilyPrompt wording) =>
        new(new MplugOwlImageProcessor(config), config.Outputs, weights => new MplugOwlEncoder(config, weights), wording);
}
