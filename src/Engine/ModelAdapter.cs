namespace Tessera;

/// <summary>A LoRA adapter for a language model (arXiv 2106.09685), as llama.cpp's converter writes it.</summary>
/// <param name="Path">Its GGUF file.</param>
/// <param name="Scale">What its products are multiplied by; 1 as it was trained, 0 for nothing.</param>
public sealed record ModelAdapter(string Path, float Scale = 1);
