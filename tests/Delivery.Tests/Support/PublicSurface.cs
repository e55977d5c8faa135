using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Tessera.Delivery.Tests.Support;

/// <summary>Writes what an assembly lets others use: a line for each type and member, read from the compiled file.</summary>
internal static class PublicSurface
{
    private const SymbolDisplayMiscellaneousOptions Shown =
        SymbolDisplayMiscellaneousOptions.UseSpecialTypes | SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier;

    private static readonly SymbolDisplayFormat TypeFormat = new(
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypesAndNamespaces,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters
            | SymbolDisplayGenericsOptions.IncludeTypeConstraints
            | SymbolDisplayGenericsOptions.IncludeVariance,
        kindOptions: SymbolDisplayKindOptions.IncludeTypeKeyword,
        miscellaneousOptions: Shown
    );

    private static readonly SymbolDisplayFormat MemberFormat = new(
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypes,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters | SymbolDisplayGenericsOptions.IncludeTypeConstraints,
        memberOptions: SymbolDisplayMemberOptions.IncludeParameters
            | SymbolDisplayMemberOptions.IncludeType
            | SymbolDisplayMemberOptions.IncludeRef
            | SymbolDisplayMemberOptions.IncludeModifiers
            | SymbolDisplayMemberOptions.IncludeConstantValue,
        parameterOptions: SymbolDisplayParameterOptions.IncludeType
            | SymbolDisplayParameterOptions.IncludeName
            | SymbolDisplayParameterOptions.IncludeDefaultValue
            | SymbolDisplayParameterOptions.IncludeParamsRefOut
            | SymbolDisplayParameterOptions.IncludeExtensionThis,
        propertyStyle: SymbolDisplayPropertyStyle.ShowReadWriteDescriptor,
        miscellaneousOptions: Shown
    );

    /// <summary>All lines of an assembly's surface, in order.</summary>
    /// <param name="assembly">Path of the assembly.</param>
    public static string Of(string assembly)
    {
        MetadataReference file = MetadataReference.CreateFromFile(assembly);
        var compilation = CSharpCompilation.Create(
            "surface",
            references: [file, .. SnippetCompiler.References.Where(reference => reference.Display != assembly)]
        );
        var symbol = (IAssemblySymbol)compilation.GetAssemblyOrModuleSymbol(file)!;
        IEnumerable<INamedTypeSymbol> types = Types(symbol.GlobalNamespace)
            .Where(IsVisible)
            .OrderBy(static type => type.ToDisplayString(), StringComparer.Ordinal);
        return string.Concat(
            types.Select(static type => $"{LineOf(type)}\n{string.Concat(Members(type).Select(static line => $"    {line}\n"))}")
        );
    }

    private static IEnumerable<INamedTypeSymbol> Types(INamespaceOrTypeSymbol parent) =>
        parent
            .GetMembers()
            .OfType<INamespaceOrTypeSymbol>()
            .SelectMany(static member => member is INamedTypeSymbol type ? Types(type).Prepend(type) : Types(member));

    private static bool IsVisible(ISymbol symbol) =>
        symbol.DeclaredAccessibility is Accessibility.Public or Accessibility.Protected or Accessibility.ProtectedOrInternal
        && (symbol.ContainingType is null || IsVisible(symbol.ContainingType));

    private static string LineOf(INamedTypeSymbol type)
    {
        string modifier = type switch
        {
            { IsStatic: true } => "static ",
            { TypeKind: TypeKind.Class, IsAbstract: true } => "abstract ",
            { TypeKind: TypeKind.Class, IsSealed: true } => "sealed ",
            _ => "",
        };
        IEnumerable<INamedTypeSymbol> parents =
            type.TypeKind is TypeKind.Class && type.BaseType is { SpecialType: not SpecialType.System_Object } parent
                ? [parent, .. type.Interfaces]
                : type.Interfaces;
        string[] names =
        [
            .. parents.Where(IsVisible).Select(static parent => parent.ToDisplayString(MemberFormat)).Order(StringComparer.Ordinal),
        ];
        return $"{modifier}{type.ToDisplayString(TypeFormat)}{(names.Length > 0 ? " : " : "")}{string.Join(", ", names)}";
    }

    // What the compiler adds to records says nothing that the record does not; accessors stand with their properties.
    private static IEnumerable<string> Members(INamedTypeSymbol type) =>
        type.GetMembers()
            .Where(static member => IsVisible(member) && member is not INamedTypeSymbol)
            .Where(static member =>
                member
                    is not IMethodSymbol
                    {
                        MethodKind: MethodKind.PropertyGet or MethodKind.PropertySet or MethodKind.EventAdd or MethodKind.EventRemove
                    }
            )
            .Where(static member =>
                !member.GetAttributes().Any(static attribute => attribute.AttributeClass?.Name == "CompilerGeneratedAttribute")
            )
            .Select(static member => member.ToDisplayString(MemberFormat))
            .Order(StringComparer.Ordinal);
}
