// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { COMPILE_CACHE, IMAGES, type ImageName } from './images.ts';

/** What the programs say when everything has been loaded. */
const LOADED = 'status server listens';
/** A program that has not said it after this time is ended; what it loaded counts. */
const LIMIT_MS = 20_000;
const ACCOUNT = 'var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Starts the program of an image once, so that V8 leaves in the image what it compiled. There is no API server, and where
 * namespaces can be made no network either; a program that gives up at once has loaded most of what it needs all the same.
 * Code is found again only under the path, the flags and the user it was compiled for.
 *
 * @throws Error when nothing was left
 */
export async function fillCompileCache(name: ImageName, folder: string): Promise<void> {
  const { bundle, env: imageEnv, start, user } = IMAGES[name];
  const account = join(folder, ACCOUNT);
  mkdirSync(account, { recursive: true });
  writeFileSync(join(account, 'token'), 'none');
  writeFileSync(join(account, 'namespace'), 'kube-system');
  writeFileSync(join(account, 'ca.crt'), rootCertificates[0] ?? '');
  const [command = 'chroot', ...args] = inside(folder, [`/usr/lib/fairlead/${bundle}`, ...start.args]);
  const env = {
    ...imageEnv,
    ...start.env,
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: '9',
  };
  const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const exited = once(program, 'exit');
  let said = '';
  const listen = (chunk: Buffer): void => {
    said += chunk.toString();
    if (said.includes(LOADED)) program.kill('SIGTERM');
  };
  program.stdout.on('data', listen);
  program.stderr.on('data', listen);
  const limit = setTimeout(() => program.kill('SIGTERM'), LIMIT_MS);
  await exited;
  clearTimeout(limit);
  rmSync(join(folder, 'run/secrets'), { recursive: true });
  const cache = join(folder, COMPILE_CACHE);
  mkdirSync(cache, { recursive: true });
  const [compiled] = readdirSync(cache);
  if (compiled === undefined)
    throw new Error(`${name} left no compiled code when it was started once: ${said}`);
  // V8's version, kind of machine, flags, and the user.
  const forUser = compiled.replace(/-\d+$/, `-${user}`);
  if (forUser !== compiled) renameSync(join(cache, compiled), join(cache, forUser));
}

/** The command that runs `argv` in an image's file system, apart from the machine where that is allowed. */
function inside(folder: string, argv: readonly string[]): readonly string[] {
  const apart = ['unshare', '--map-root-user', '--net', '--mount'];
  const chroot = ['chroot', folder, ...argv];
  const [unshare = 'unshare', ...flags] = apart;
  if (spawnSync(unshare, [...flags, 'true']).status !== 0) return chroot;
  return [...apart, 'sh', '-c', 'mount --rbind /proc "$1/proc"; shift; exec "$@"', 'sh', folder, ...chroot];
}
