using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>
/// The picture stretched to the tower's input (mPLUG-Owl 1), or to a square of its longer side which is then resized (2), so that CLIP's
/// processor has nothing left to crop. Source: X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/processing_mplug_owl.py, MplugOwlProcessor;
/// mPLUG-Owl2/mplug_owl2/mm_utils.py, process_images, and README.md.
/// </summary>
internal sealed class MplugOwlImageProcessor(MplugOwlConfig config)
    : SquaredImages(
        config.Tower.ImageSize,
        config.AspectRatio,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.TokenCount)]
    );
