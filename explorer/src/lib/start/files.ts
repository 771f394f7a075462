/** Files as they are dropped or chosen: one file, several, or a folder with everything below it. */

export interface Picked {
  file: File;
  /** Relative, with `/` between folders. */
  name: string;
}

/** What was dropped, folders opened. Names that begin with a dot are passed over. */
export async function dropped(items: DataTransferItemList): Promise<Picked[]> {
  // All at once: the list is empty after the first wait.
  const found = [...items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile()).filter((f) => f !== null);
  const opened = found.map((f) => (f instanceof File ? [{ file: f, name: f.name }] : below(f)));
  return (await Promise.all(opened)).flat();
}

async function below(entry: FileSystemEntry): Promise<Picked[]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, name: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  for (;;) {
    // A folder is told in pieces, until an empty one.
    const more = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!more.length) break;
    inside.push(...more);
  }
  return (await Promise.all(inside.map(below))).flat();
}

/** Chosen in a dialog: a folder's files know their path in it. */
export function chosen(files: FileList): Picked[] {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

/**
 * Names under which files that belong together are kept, and which of them to look at: the file itself when there is
 * one; of loose data files the largest, whose labels lie beside it; else the folder, made up where there is none.
 */
export function arranged(picked: readonly Picked[], stamp: string): { files: Picked[]; source: string } {
  if (picked.length === 1 && !picked[0]!.name.includes("/")) return { files: [...picked], source: picked[0]!.name };
  const loose = picked.every((p) => !p.name.includes("/"));
  if (loose && picked.every((p) => /\.np[yz]$/i.test(p.name))) {
    return { files: [...picked], source: [...picked].sort((a, b) => b.file.size - a.file.size)[0]!.name };
  }
  const tops = new Set(picked.map((p) => p.name.split("/")[0]!));
  const top = !loose && tops.size === 1 ? [...tops][0]! : `files-${stamp}`;
  return { files: picked.map((p) => ({ ...p, name: !loose && tops.size === 1 ? p.name : `${top}/${p.name}` })), source: top };
}
