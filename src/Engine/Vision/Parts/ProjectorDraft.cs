using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>Takes down what a projector file of a family holds; who writes it chooses the values, and the type of the matrices.</summary>
internal abstract class ProjectorDraft
{
    /// <summary>Width of the language model that the projector is for.</summary>
    public required int LanguageWidth { get; init; }

    /// <summary>A key of the metadata.</summary>
    public abstract void Metadata(string key, GgufValue value);

    /// <summary>A number, a truth or a text of the metadata.</summary>
    public void Metadata<T>(string key, T value)
        where T : notnull => Metadata(key, GgufValue.From(value));

    /// <summary>A matrix [inputs, outputs] of the file's type.</summary>
    public abstract void Matrix(string name, long inputs, long outputs);

    /// <summary>A tensor of F16 whatever the matrices are, as patch kernels and position tables are.</summary>
    public abstract void Half(string name, params long[] shape);

    /// <summary>A vector of one value, as float32.</summary>
    public abstract void Vector(string name, long width, float value);

    /// <summary>A tensor of float32.</summary>
    public abstract void Values(string name, params long[] shape);

    /// <summary>A linear layer with its bias.</summary>
    public void Linear(string name, long inputs, long outputs)
    {
        Matrix($"{name}.weight", inputs, outputs);
        Vector($"{name}.bias", outputs, 0);
    }

    /// <summary>A layer norm with its bias.</summary>
    public void Norm(string name, long width)
    {
        Vector($"{name}.weight", width, 1);
        Vector($"{name}.bias", width, 0);
    }
}

/// <summary>A projector of a released model's dimensions, for files with random weights.</summary>
/// <param name="Source">Whose dimensions they are.</param>
/// <param name="Write">Takes it down.</param>
internal sealed record ProjectorShape(string Source, Action<ProjectorDraft> Write);
