namespace Tessera;

/// <summary>Whose preprocessing to follow where a model's authors and Hugging Face's processor differ.</summary>
public enum Preprocessing
{
    /// <summary>The authors' own, with which the model was trained.</summary>
    Original,

    /// <summary>Hugging Face transformers' processor for the model.</summary>
    Transformers,
}
