// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, pipe } from './run-program.ts';

/**
 * Dependencies that only maintainer scripts and further programs of the packages need. None of them is run in an image, and
 * the smoke test starts every program that is.
 */
const NOT_NEEDED: ReadonlySet<string> = new Set(['debconf', 'libcap2-bin', 'lsb-base', 'sysvinit-utils']);

/**
 * Unpacks Debian packages and what they depend on into a folder, without running anything of them. They come from the
 * package sources of this machine, whose signatures apt checks. What was unpacked is listed where scanners of images look
 * (`var/lib/dpkg/status.d`). Returns their names.
 *
 * @throws Error when apt cannot find or fetch a package.
 */
export function unpackDebianPackages(packages: readonly string[], folder: string): readonly string[] {
  const names = withDependencies(packages);
  unpack(names, folder, []);
  return names;
}

/** Unpacks only these files (`./usr/bin/env`) of a package, without what it depends on. @throws Error when apt cannot fetch it. */
export function unpackFiles(name: string, files: readonly string[], folder: string): void {
  unpack([name], folder, files);
}

function unpack(names: readonly string[], folder: string, files: readonly string[]): void {
  const downloads = mkdtempSync(join(tmpdir(), 'fairlead-packages-'));
  const status = join(folder, 'var/lib/dpkg/status.d');
  mkdirSync(status, { recursive: true });
  try {
    // A sandbox user of apt could not write there.
    capture('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...names], { cwd: downloads });
    for (const file of readdirSync(downloads).toSorted()) {
      const archive = join(downloads, file);
      // Debian's packages name /bin and /lib; here, as on Debian, these are links.
      pipe(
        ['dpkg-deb', '--fsys-tarfile', archive],
        ['tar', '-x', '--keep-directory-symlink', '-C', folder, ...files],
      );
      writeFileSync(join(status, file.split('_')[0] ?? file), capture('dpkg-deb', ['-f', archive]));
    }
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

/** What apt would install on a machine that has nothing. */
function withDependencies(packages: readonly string[]): readonly string[] {
  const listed = capture('apt-get', [
    ...['-qq', '--print-uris', '-o', 'Dir::State::status=/dev/null', '-o', 'Debug::NoLocking=1'],
    ...['--no-install-recommends', 'install', ...packages],
  ]);
  return namesIn(listed).filter((name) => !NOT_NEEDED.has(name));
}

/** The package names of `apt-get --print-uris`: `'http://…' name_version_architecture.deb size hash`. Pure. */
export function namesIn(uris: string): readonly string[] {
  const names = [...uris.matchAll(/^'[^']*' ([^\s_]+)_\S+\.deb \d+/gm)].map(([, name = '']) => name);
  if (names.length === 0) {
    throw new Error(
      `apt-get names no packages to fetch; expected lines with .deb, got: ${uris.slice(0, 200)}`,
    );
  }
  return names.toSorted();
}
