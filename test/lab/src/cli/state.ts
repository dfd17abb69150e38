// SPDX-License-Identifier: Apache-2.0
/** What the command line remembers about running labs, outside their namespaces. */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { childrenOf, readProcess } from '../process/proc.ts';

/** One lab, by the processes that hold its namespaces. IDs are as seen outside. */
export interface LabRecord {
  readonly name: string;
  /** The `unshare` process: its death ends the lab. */
  readonly unsharePid: number;
  readonly unshareTicks: number;
  /** First process of the pid namespace. */
  readonly initPid: number;
  readonly initTicks: number;
}

/** Folder of all labs of this user. */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_RUNTIME_DIR ?? tmpdir();
  return join(base, `fairlead-lab-${userInfo().uid}`);
}

/** Folder of one lab: its record and the log of its daemon. Throws on a name that is no plain word. */
export function stateDir(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Error(`lab name "${name}": expected up to 31 lower-case letters, digits and dashes`);
  }
  return join(stateRoot(), name);
}

/** The lab of that name if it runs; clears away what is left of one that does not. */
export function findLab(name: string): LabRecord | undefined {
  const dir = stateDir(name);
  const record = readRecord(join(dir, 'lab.json'));
  if (record === undefined) return undefined;
  if (isAlive(record)) return record;
  forgetLab(name);
  return undefined;
}

/** All running labs of this user. */
export function listLabs(): LabRecord[] {
  let names: string[];
  try {
    names = readdirSync(stateRoot());
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return names.flatMap((name) => findLab(name) ?? []);
}

/** Notes a lab whose namespaces are held by a given `unshare` process; undefined while its init is not there yet. */
export function recordLab(name: string, unsharePid: number): LabRecord | undefined {
  const initPid = childrenOf(unsharePid)[0];
  const unshare = readProcess(unsharePid);
  const init = initPid === undefined ? undefined : readProcess(initPid);
  if (unshare === undefined || init === undefined) return undefined;
  const record: LabRecord = {
    name,
    unsharePid,
    unshareTicks: unshare.startTicks,
    initPid: init.pid,
    initTicks: init.startTicks,
  };
  const dir = prepareStateDir(name);
  writeFileSync(join(dir, 'lab.json'), JSON.stringify(record), { mode: 0o600 });
  return record;
}

/** Makes the folder of a lab, private to the user. */
export function prepareStateDir(name: string): string {
  const dir = stateDir(name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}

/** Forgets a lab; the last one takes the common folder along. */
export function forgetLab(name: string): void {
  rmSync(stateDir(name), { recursive: true, force: true });
  try {
    rmdirSync(stateRoot());
  } catch (error) {
    if (!isMissing(error) && !hasCode(error, 'ENOTEMPTY')) throw error;
  }
}

/** Whether anything of the lab is left: the namespaces, or the process that made them. */
export function isAlive(record: LabRecord): boolean {
  return runs(record.initPid, record.initTicks) || runs(record.unsharePid, record.unshareTicks);
}

function runs(pid: number, startTicks: number): boolean {
  const info = readProcess(pid);
  return info !== undefined && info.startTicks === startTicks && info.state !== 'Z';
}

function readRecord(file: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LabRecord; // written by recordLab only
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
