using Tessera.Compute.Kernels.Products;

namespace Tessera.Engine.Tests.Compute;

/// <summary>A fact about matrix units, which only some processors have.</summary>
public sealed class FactOnMatrixUnitsAttribute : FactAttribute
{
    public FactOnMatrixUnitsAttribute() => Skip = MatrixUnit.IsSupported ? null : "This processor has no AMX.";
}

/// <summary>A theory about matrix units, which only some processors have.</summary>
public sealed class TheoryOnMatrixUnitsAttribute : TheoryAttribute
{
    public TheoryOnMatrixUnitsAttribute() => Skip = MatrixUnit.IsSupported ? null : "This processor has no AMX.";
}
