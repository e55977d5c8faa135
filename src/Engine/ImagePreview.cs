namespace Tessera;

/// <summary>A picture made small, to be shown.</summary>
/// <param name="Size">Its size.</param>
/// <param name="Pixels">8-bit red, green, blue, interleaved: <c>[height, width, 3]</c>.</param>
public sealed record ImagePreview(PixelSize Size, ReadOnlyMemory<byte> Pixels);
