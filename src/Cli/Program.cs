using Tessera.Cli;

return await TesseraCommand.RunAsync(args, CliConsole.ForProcess(), CancellationToken.None);
