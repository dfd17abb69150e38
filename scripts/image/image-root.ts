// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../checks.ts';
import { fillCompileCache } from './compile-cache.ts';
import { unpackDebianPackages, unpackFiles } from './debian-packages.ts';
import { IMAGES, type ImageName } from './images.ts';

/** Where the bundle is in an image. */
export const HOME = '/usr/lib/fairlead';

/** Folders that are links into /usr, as on Debian. */
const IN_USR = ['bin', 'sbin', 'lib', 'lib64'] as const;
/** What no program of an image reads. Copyright files stay. */
const UNREAD = [
  ...['man', 'locale', 'info', 'lintian', 'bash-completion', 'gcc', 'gdb', 'bug'].map(
    (name) => `usr/share/${name}`,
  ),
  ...['etc/init.d', 'etc/default', 'lib/systemd', 'etc/cron.daily', 'etc/ld.so.conf.d/fakeroot.conf'],
] as const;

/** Makes the file system of an image in a folder that does not exist yet. The bundles must have been built. */
export async function makeImageRoot(name: ImageName, folder: string): Promise<void> {
  const { debianPackages, links } = IMAGES[name];
  mkdirSync(folder, { recursive: true });
  for (const name of IN_USR) {
    mkdirSync(join(folder, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(folder, name));
  }
  for (const name of ['etc', 'proc', 'sys', 'dev', 'run', 'tmp', 'var/lib']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  symlinkSync('../run', join(folder, 'var/run'));
  chmodSync(join(folder, 'tmp'), 0o1777);
  unpackDebianPackages(debianPackages, folder);
  unpackFiles('coreutils', ['./usr/bin/env'], folder);
  prune(folder);
  addUsers(folder);
  addNode(folder);
  addProgram(name, folder);
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(target, join(folder, path));
  }
  await fillCompileCache(name, folder);
}

function prune(folder: string): void {
  for (const path of UNREAD) rmSync(join(folder, path), { recursive: true, force: true });
  const docs = join(folder, 'usr/share/doc');
  for (const name of readdirSync(docs)) {
    for (const file of readdirSync(join(docs, name))) {
      if (file !== 'copyright') rmSync(join(docs, name, file), { recursive: true });
    }
  }
  // Character sets besides UTF-8, which the C library has built in: 8 MB.
  for (const name of readdirSync(join(folder, 'usr/lib'))) {
    rmSync(join(folder, 'usr/lib', name, 'gconv'), { recursive: true, force: true });
  }
}

function addUsers(folder: string): void {
  const etc = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(folder, 'etc', name), `${lines.join('\n')}\n`);
  etc('passwd', [
    'root:x:0:0:root:/:/sbin/nologin',
    'nobody:x:65534:65534:nobody:/:/sbin/nologin',
    'nonroot:x:65532:65532:nonroot:/:/sbin/nologin',
  ]);
  etc('group', ['root:x:0:', 'nogroup:x:65534:', 'nonroot:x:65532:']);
  etc('nsswitch.conf', ['hosts: files dns']);
}

/** The pinned Node, which runs this script. */
function addNode(folder: string): void {
  copyFileSync(process.execPath, join(folder, 'usr/bin/node'));
  chmodSync(join(folder, 'usr/bin/node'), 0o755);
  const licence = join(dirname(dirname(realpathSync(process.execPath))), 'LICENSE');
  if (existsSync(licence)) copyDocumentation(folder, 'node', licence);
  copyDocumentation(folder, 'fairlead', join(ROOT, 'LICENSE'));
}

function copyDocumentation(folder: string, name: string, licence: string): void {
  mkdirSync(join(folder, 'usr/share/doc', name), { recursive: true });
  copyFileSync(licence, join(folder, 'usr/share/doc', name, 'copyright'));
}

function addProgram(name: ImageName, folder: string): void {
  const { bundle, nodeFlags, nativeModules } = IMAGES[name];
  const source = join(ROOT, 'packages', name);
  const home = join(folder, HOME);
  cpSync(join(source, 'dist'), home, { recursive: true, filter: (path) => !path.endsWith('.map') });
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }\n');
  // So it is started under any of its names, and always in the same way; there is no shell in the image.
  const entry = join(home, bundle);
  const text = readFileSync(entry, 'utf8').replace(/^#!.*\n/, '');
  writeFileSync(entry, `#!/usr/bin/env -S /usr/bin/node ${nodeFlags.join(' ')}\n${text}`);
  chmodSync(entry, 0o755);
  for (const module of nativeModules) addNativeModule(module, join(source, 'node_modules', module), home);
}

/** koffi: a file of JavaScript, and beside it the package with the library for this kind of machine. */
function addNativeModule(module: string, from: string, home: string): void {
  const source = realpathSync(from);
  const target = join(home, 'node_modules', module);
  cpSync(source, target, { recursive: true, filter: isScriptOfKoffi });
  const library = `@koromix/koffi-linux-${process.arch}`;
  cpSync(join(dirname(source), library), join(home, 'node_modules', library), {
    recursive: true,
    dereference: true,
    filter: (path) => !path.includes('musl'),
  });
}

/** Its sources in C++, for machines it has no library for, stay behind. */
function isScriptOfKoffi(path: string): boolean {
  return statSync(path).isDirectory()
    ? !/\/(?:doc|vendor|native|lib)$/.test(path)
    : /\.(?:c?js|json|txt)$/.test(path);
}
