using Tessera.Compute.Kernels.Code;
using Tessera.KernelAssembly;

namespace Tessera.Engine.Tests.Compute;

/// <summary>The checked-in machine code, and which of it users allow.</summary>
public sealed class MachineCodeTests
{
    [Fact]
    public void The_page_is_what_the_named_instructions_assemble_to() =>
        Assert.Equal(KernelTable.Write(), File.ReadAllText(RepositoryRoot.Path(KernelTable.Path)).ReplaceLineEndings("\n"));

    [Theory]
    [InlineData(null, null, "Amx")]
    [InlineData("", null, "Amx")]
    [InlineData("ggml", null, "Ggml")]
    [InlineData("AVX2", null, "Avx2")]
    [InlineData("avx512", null, "Avx512")]
    [InlineData("amx", "0", "Avx2")]
    [InlineData("ggml", "0", "Ggml")]
    [InlineData(null, "1", "Amx")]
    public void Users_and_the_runtime_s_switch_limit_the_kernels(string? kernels, string? avx512, string expected) =>
        Assert.Equal(expected, KernelLevels.Read(Variables(kernels, avx512)).ToString());

    [Fact]
    public void A_level_that_there_is_not_is_refused()
    {
        KernelLevels.Check(Variables(null, null));
        KernelLevels.Check(Variables("avx2", null));
        NativeLibraryException refused = Assert.Throws<NativeLibraryException>(() => KernelLevels.Check(Variables("2", null)));
        Assert.Equal("TESSERA_KERNELS is '2': it may be ggml, avx2, avx512 or amx.", refused.Message);
    }

    private static Func<string, string?> Variables(string? kernels, string? avx512) =>
        name =>
            name == KernelLevels.Variable ? kernels
            : name == "DOTNET_EnableAVX512" ? avx512
            : null;
}
