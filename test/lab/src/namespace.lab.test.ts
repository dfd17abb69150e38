// SPDX-License-Identifier: Apache-2.0
/** How private namespaces begin and end: exit codes, signals, orphans, and the death of whoever started them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labNamespaceCommand, NAMESPACE_MARKER } from './namespace.ts';
import { LabProcess } from './process/lab-process.ts';
import { commandLine, listProcesses } from './process/proc.ts';
import { run } from './process/run.ts';
import { waitFor } from './wait.ts';

const OUTSIDE = { ...process.env };
delete OUTSIDE[NAMESPACE_MARKER];
const MODULE = fileURLToPath(new URL('./namespace.ts', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-namespace-test-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a program and gives the command line that runs it as if from outside. */
function program(name: string, lines: readonly string[]): string[] {
  const file = join(folder, name);
  writeFileSync(file, ["import { spawn } from 'node:child_process';", ...lines].join('\n'));
  return ['env', `--unset=${NAMESPACE_MARKER}`, process.execPath, file];
}

const reexec = (name: string, lines: readonly string[]) =>
  program(name, [
    `const { ensureLabNamespace } = await import(${JSON.stringify(MODULE)});`,
    'await ensureLabNamespace();',
    ...lines,
  ]);

/** Processes anywhere below us whose command line contains a mark. */
const marked = (mark: string) => listProcesses().filter((info) => commandLine(info.pid).includes(mark));

describe('ensureLabNamespace', () => {
  it('runs the program again inside: alone, as root, with a network of its own', async () => {
    const { stdout, code } = await run(
      reexec('alone.ts', [
        "import { readdirSync, readFileSync } from 'node:fs';",
        "import { networkInterfaces } from 'node:os';",
        "const pids = readdirSync('/proc').filter((name) => /^\\d+$/.test(name));",
        'console.log(JSON.stringify({ uid: process.getuid(), pids: pids.length, names: Object.keys(networkInterfaces()), args: process.argv.slice(2) }));',
      ]).concat('one', 'two words'),
    );
    expect(code).toBe(0);
    const { uid, pids, names, args } = JSON.parse(stdout);
    expect(uid).toBe(0);
    expect(pids).toBeLessThanOrEqual(3);
    expect(names).toEqual(['lo']);
    expect(args).toEqual(['one', 'two words']);
  });

  it('ends with the exit code of the program inside', async () => {
    expect((await run(reexec('code.ts', ['process.exit(7);']))).code).toBe(7);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'passes %s on and waits for a clean end',
    async (signal) => {
      const started = new LabProcess(
        reexec(`signal-${signal}.ts`, [
          `process.on('${signal}', () => { console.log('cleaned up'); process.exit(3); });`,
          "console.log('ready');",
          'setInterval(() => {}, 1000);',
        ]),
      );
      await started.waitForLine((line) => line === 'ready');
      started.kill(signal);
      expect((await started.exited).code).toBe(3);
      expect(started.stdout).toContain('cleaned up');
    },
  );

  it('takes everything along when it is killed without warning, detached children too', async () => {
    const started = new LabProcess(
      reexec('killed.ts', [
        "spawn('sleep', ['4321.25'], { detached: true, stdio: 'ignore' }).unref();",
        "console.log('ready');",
        'setInterval(() => {}, 1000);',
      ]),
    );
    await started.waitForLine((line) => line === 'ready');
    await waitFor(() => marked('sleep 4321.25').length > 0, { what: 'the child' });
    started.kill('SIGKILL');
    await started.exited;
    await waitFor(() => marked('4321.25').length === 0 && marked('killed.ts').length === 0, {
      what: 'the end of everything inside',
      timeoutMs: 5_000,
    });
  });

  it('takes everything along when the program inside ends', async () => {
    await run(
      reexec('orphans.ts', ["spawn('sleep', ['4322.25'], { detached: true, stdio: 'ignore' }).unref();"]),
    );
    expect(marked('sleep 4322.25')).toEqual([]);
  });
});

describe('a machine that forbids user namespaces', () => {
  it('still gives them to root, without the user namespace', async () => {
    const inner = reexec('root.ts', ["console.log(process.getuid(), process.pid > 1 ? 'inside' : '');"]);
    // The limit is that of our own user namespace, so the machine's stays as it is.
    const script =
      'echo 0 > /proc/sys/user/max_user_namespaces && ! unshare --user true 2> /dev/null && "$@"';
    const { stdout, stderr } = await run(labNamespaceCommand(['sh', '-c', script, 'sh', ...inner]));
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe('0 inside');
  });
});

describe('the first process inside', () => {
  it('reaps orphans', async () => {
    // A zombie keeps its name in /proc, so the loop ends only when the orphan has been reaped.
    const script = 'sh -c "sleep 0.05 &"; while grep -qsx sleep /proc/[0-9]*/comm; do :; done';
    expect((await run(labNamespaceCommand(['sh', '-c', script]), { timeoutMs: 10_000 })).code).toBe(0);
  });

  it('ends everything when it is killed', async () => {
    const [command, ...args] = labNamespaceCommand(['sleep', '4323.25'], { dieWithParent: false });
    const child = spawn(command, args, { stdio: 'ignore', env: OUTSIDE });
    await waitFor(() => marked('sleep 4323.25').some((info) => info.command === 'sleep'), {
      what: 'the program',
    });
    child.kill('SIGKILL');
    await waitFor(() => marked('4323.25').length === 0, { what: 'the end', timeoutMs: 5_000 });
  });
});
