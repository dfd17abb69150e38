// SPDX-License-Identifier: Apache-2.0
/** The command line as a user has it: every step a process of its own, outside the namespaces of the lab. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE_MARKER } from '../namespace.ts';
import { LabProcess } from '../process/lab-process.ts';
import { commandLine, listProcesses, signalProcess } from '../process/proc.ts';
import { type RunResult, run } from '../process/run.ts';
import { waitFor } from '../wait.ts';
import { USAGE } from './arguments.ts';
import type { LabRecord } from './state.ts';

const PROGRAM = fileURLToPath(new URL('./main.ts', import.meta.url));

let runtimeDir: string;

beforeAll(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'fairlead-cli-test-'));
});

afterEach(async () => {
  await lab('down', '--all');
});

afterAll(() => {
  rmSync(runtimeDir, { recursive: true, force: true });
});

const argvOf = (args: readonly string[]) => [
  ...['env', `--unset=${NAMESPACE_MARKER}`, `XDG_RUNTIME_DIR=${runtimeDir}`],
  ...[process.execPath, PROGRAM, ...args],
];
const lab = (...args: string[]): Promise<RunResult> => run(argvOf(args));
const stateOf = (name: string) => join(runtimeDir, `fairlead-lab-${userInfo().uid}`, name);

/** Processes of a lab: all that were started with its name or live in its namespaces. */
const processesOf = (name: string) =>
  listProcesses().filter((info) => commandLine(info.pid).includes(`daemon --name ${name}`));

describe('npm run lab', () => {
  it('prints how to use it', async () => {
    const { code, stdout } = await lab();
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(USAGE);
    const wrong = await lab('explode');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('explode');
  });

  it('says what to do when no lab runs', async () => {
    expect((await lab('status')).stdout).toContain('npm run lab -- up');
    const { code, stderr } = await lab('kubectl', 'get', 'nodes');
    expect(code).toBe(1);
    expect(stderr).toContain('no lab "default" is running');
  });
});

describe('a lab in the background', () => {
  it('stays up, is used by further commands, and goes without trace', { timeout: 90_000 }, async () => {
    const up = await lab('up', '--name', 'test', '--workers', '1');
    expect(up.code).toBe(0);
    expect(up.stdout).toContain('npm run lab -- down --name test');

    expect((await lab('up', '--name', 'test')).stderr).toContain('is running already');
    expect((await lab('status')).stdout).toMatch(
      /test: ready.*\n.*control-plane.*on\n.*worker1.*on\n.*client/,
    );
    expect((await lab('kubectl', '--name', 'test', 'get', 'nodes')).stdout).toMatch(/worker1 +Ready/);

    const onClient = await lab(
      'exec',
      '--name',
      'test',
      'client',
      '--',
      'sh',
      '-c',
      'ip -4 -brief addr; uname -n; exit 9',
    );
    expect(onClient.stdout).toContain('172.18.0.100/16');
    expect(onClient.stdout).toMatch(/^client$/m);
    expect(onClient.code).toBe(9);
    expect((await lab('exec', '--name', 'test', 'worker7', '--', 'true')).stderr).toContain(
      'no host "worker7"',
    );

    // After a cut the client asks for the neighbour once a second: a good ping may take that long, too.
    const ping = (seconds: number) =>
      lab('exec', '--name', 'test', 'client', '--', 'ping', '-c', '1', '-W', String(seconds), '172.18.0.3');
    expect((await lab('partition', '--name', 'test', 'worker1')).code).toBe(0);
    expect((await ping(1)).code).toBe(1);
    expect((await lab('status')).stdout).toContain('partition both');
    expect((await lab('heal', '--name', 'test', 'worker1')).code).toBe(0);
    expect((await ping(5)).code).toBe(0);
    expect((await lab('partition', '--name', 'test', 'worker1', 'sideways')).stderr).toContain(
      'both, in, out',
    );

    const down = await lab('down', '--name', 'test');
    expect(down.stdout).toContain('lab "test" is gone');
    expect(processesOf('test')).toEqual([]);
    expect(existsSync(stateOf('test'))).toBe(false);
  });

  it('goes without trace when its daemon is killed with SIGKILL', { timeout: 60_000 }, async () => {
    expect((await lab('up', '--name', 'killed', '--workers', '0')).code).toBe(0);
    const record = JSON.parse(readFileSync(join(stateOf('killed'), 'lab.json'), 'utf8')) as LabRecord;
    const inside = () => listProcesses().filter((info) => info.pid === record.initPid);
    expect(inside()).toHaveLength(1);
    const daemon = processesOf('killed').find((info) => info.parentPid === record.initPid);
    signalProcess(daemon?.pid ?? 0, 'SIGKILL');
    await waitFor(() => processesOf('killed').length === 0 && inside().length === 0, {
      what: 'the end of the lab',
    });
    expect((await lab('status')).stdout).toContain('no lab is running');
    expect(existsSync(stateOf('killed'))).toBe(false);
  });
});

describe('a lab in the foreground', () => {
  it('ends at Ctrl-C', { timeout: 60_000 }, async () => {
    const foreground = new LabProcess(argvOf(['up', '--name', 'front', '--workers', '0', '--foreground']));
    await foreground.waitForLine((line) => line.includes('Ctrl-C ends it'), 60_000);
    foreground.kill('SIGINT');
    expect((await foreground.exited).code).toBe(130);
    expect(processesOf('front')).toEqual([]);
    expect(readdirSync(runtimeDir)).toEqual([]);
  });

  it('ends with its terminal, even when that kills it without warning', { timeout: 60_000 }, async () => {
    const foreground = new LabProcess(argvOf(['up', '--name', 'lost', '--workers', '0', '--foreground']));
    await waitFor(() => existsSync(join(stateOf('lost'), 'lab.json')), { what: 'the namespaces' });
    foreground.kill('SIGKILL');
    await waitFor(() => processesOf('lost').length === 0, { what: 'the end of the lab' });
  });
});
