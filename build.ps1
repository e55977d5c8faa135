# What a developer runs: ./build.ps1 [restore|build|test|publish|pack]
param([ValidateSet('restore', 'build', 'test', 'publish', 'pack')][string]$Task = 'build')
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
switch ($Task) {
    'restore' { dotnet restore }
    'build' { dotnet build --configuration Release }
    'test' { dotnet test --configuration Release }
    'publish' { dotnet publish src/Cli -p:PublishAot=true --output artifacts/publish }
    'pack' { dotnet pack --configuration Release --output artifacts/packages }
}
exit $LASTEXITCODE
