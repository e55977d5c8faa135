namespace Tessera.Engine.Tests;

/// <summary>Tests of what the whole process has but once, while no others run.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
