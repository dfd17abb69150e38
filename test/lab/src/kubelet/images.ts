// SPDX-License-Identifier: Apache-2.0

/** How the lab runs an image: what an image's configuration says in a real cluster. */
export interface ImageRecipe {
  /** Replaced by a container's `command`. */
  readonly entrypoint: readonly string[];
  /** Default arguments; replaced by `args`, dropped when only `command` is given. */
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Programs inside the image by path or name: used when `command` names one, e.g. `/kube-vip`. */
  readonly binaries?: Readonly<Record<string, readonly string[]>>;
}

/** Image repository (no tag, no digest) -> recipe. */
export type ImageTable = ReadonlyMap<string, ImageRecipe>;

/** Reads the images file: values are an argv (the entry point) or an {@link ImageRecipe}. */
export function parseImages(text: string): ImageTable {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) {
    throw new Error('images file: expected an object {"<image repository>": ["program", "argument", ...]}');
  }
  const table = new Map<string, ImageRecipe>();
  for (const [repository, value] of Object.entries(parsed)) {
    const recipe: unknown = Array.isArray(value) ? { entrypoint: value } : value;
    if (!isRecipe(recipe)) {
      throw new Error(
        `images file: "${repository}" is ${JSON.stringify(value)}, expected an argv or {"entrypoint": [...]}`,
      );
    }
    table.set(repository, recipe);
  }
  return table;
}

function isRecipe(value: unknown): value is ImageRecipe {
  if (typeof value !== 'object' || value === null || !('entrypoint' in value)) return false;
  return Array.isArray(value.entrypoint) && value.entrypoint.every((part) => typeof part === 'string');
}

/** `registry:5000/a/b:tag@sha256:..` -> `registry:5000/a/b`. */
export function imageRepository(image: string): string {
  const name = image.split('@', 1)[0] ?? image;
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/** The recipe of an image; Docker Hub's long and short names are one (`docker.io/library/x` = `x`). */
export function findImage(table: ImageTable, image: string): ImageRecipe | undefined {
  const repository = imageRepository(image);
  return table.get(repository) ?? table.get(repository.replace(/^docker\.io\/(library\/)?/, ''));
}

/**
 * The command line of a container: `command` replaces the image's entry point and its default arguments, `args` only
 * the arguments; `$(NAME)` in both is replaced by the container's environment.
 */
export function containerArgv(
  recipe: ImageRecipe,
  container: { readonly command?: readonly string[]; readonly args?: readonly string[] },
  env: Readonly<Record<string, string>>,
): string[] {
  const expand = (parts: readonly string[]) => parts.map((part) => expandReferences(part, env));
  const command = container.command ?? [];
  if (command.length === 0) {
    return [...recipe.entrypoint, ...expand(container.args ?? recipe.cmd ?? [])];
  }
  const [program = '', ...rest] = expand(command);
  return [...(recipe.binaries?.[program] ?? [program]), ...rest, ...expand(container.args ?? [])];
}

/** Replaces `$(NAME)`; unknown names stay as written, `$$(NAME)` means a literal `$(NAME)`. */
export function expandReferences(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)\s]+)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return env[name] ?? whole;
  });
}
