using Tessera.Vision.Families.LlavaNext;

namespace Tessera.Engine.Tests.Models;

/// <summary>The factors of LLaVA-VL/LLaVA-NeXT, playground/demo/video_demo.py, for frames of 144 tokens.</summary>
public sealed class VideoPositionsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(21, 1)] // 4024 tokens
    [InlineData(22, 2)] // 4168
    [InlineData(32, 2)]
    [InlineData(56, 3)] // 9064; their report says 2
    [InlineData(1024, 37)]
    public void Positions_are_stretched_by_the_frames(int frameCount, int factor) =>
        Assert.Equal(factor, VideoPositions.FactorFor(frameCount, 144));
}
