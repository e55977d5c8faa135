using Tessera.KernelAssembly;

// Writes the page of machine code; run it in the repository.
string folder = Directory.GetCurrentDirectory();
while (!File.Exists(Path.Combine(folder, "Tessera.slnx")))
    folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Run this within the repository.");
string page = Path.Combine(folder, KernelTable.Path);
Directory.CreateDirectory(Path.GetDirectoryName(page)!);
File.WriteAllText(page, KernelTable.Write());
