using System.Buffers.Binary;
using Tessera.Native;

namespace Tessera.Engine.Tests.Native;

/// <summary>Why a library is not loaded.</summary>
public sealed class LibraryFaultTests
{
    [Theory]
    [InlineData("7F454C46", 18, 62, "Linux x64")]
    [InlineData("7F454C46", 18, 183, "Linux arm64")]
    [InlineData("7F454C46", 18, 243, "another processor")]
    [InlineData("4D5A", 0x84, 0x8664, "Windows x64")]
    [InlineData("4D5A", 0x84, 0xAA64, "Windows arm64")]
    [InlineData("CFFAEDFE", 4, 0x01000007, "macOS x64")]
    [InlineData("CFFAEDFE", 4, 0x0100000C, "macOS arm64")]
    [InlineData("6E6F2068", 18, 62, null)]
    public void A_header_says_what_a_library_is_made_for(string magic, int at, int machine, string? target)
    {
        var header = new byte[4096];
        Convert.FromHexString(magic).CopyTo(header, 0);
        header[0x3C] = 0x80;
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(at), machine);
        Assert.Equal(target, LibraryFault.Target(header));
    }

    [Theory]
    [InlineData("version `GLIBC_2.99' not found (required by FILE)")]
    [InlineData("file too short")]
    public void The_loaders_own_words_are_the_reason(string said)
    {
        string file = Path.GetTempFileName();
        try
        {
            string message =
                $"Unable to load shared library '{file}' or one of its dependencies. In order to help, set LD_DEBUG: \n{file}: {said}\n";
            Assert.Equal(said, LibraryFault.Explain(file, message));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_called_that() =>
        Assert.StartsWith(
            "it cannot be read (",
            LibraryFault.Explain(Path.Combine(Path.GetTempPath(), "tessera-none.so"), "Unable to load"),
            StringComparison.Ordinal
        );
}
