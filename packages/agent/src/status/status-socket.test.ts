// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger, silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { runStatus, type StatusFlags } from '../commands/status-run.ts';
import { dumpOnSignal } from './dump-on-signal.ts';
import { statusReport } from './status-report.ts';
import { askStatus, serveStatus } from './status-socket.ts';
import { statusSources } from './testing.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

let names = 0;
const freshName = () => `\0fairlead-status-test-${process.pid}-${names++}`;

async function serving(ok: boolean, path = freshName()): Promise<string> {
  const checks = [{ name: 'main loop', ok }];
  const socket = await serveStatus(() => statusReport(statusSources({ checks })), {
    logger: silentLogger,
    path,
  });
  closers.push(() => socket.close());
  return path;
}

async function run(flags: Partial<StatusFlags>, socket = freshName()) {
  const [written, complained]: [string[], string[]] = [[], []];
  const code = await runStatus({
    flags: { port: '2112', timeout: '5', ...flags },
    env: {},
    write: (text) => written.push(text),
    complain: (text) => complained.push(text),
    socket,
  });
  return { code, written: written.join(''), complained: complained.join('') };
}

describe('agent status', () => {
  it('asks the agent of this node: 0 when it is well', async () => {
    const { code, written } = await run({ json: true }, await serving(true));
    expect(code).toBe(0);
    expect(JSON.parse(written)).toEqual(statusReport(statusSources()));
  });

  it('ends with 1 when it is not', async () => {
    const { code, written } = await run({}, await serving(false));
    expect(code).toBe(1);
    expect(written).toContain('b: NOT WELL');
    expect(written).toContain('not ok: main loop');
  });

  it('ends with 2 when it cannot be asked, and says why', async () => {
    expect(await run({})).toMatchObject({
      code: 2,
      written: '',
      complained: expect.stringContaining('is an agent running?'),
    });
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    closers.push(
      () => mute.closeAllConnections(),
      () => void mute.close(),
    );
    const server = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
    expect(await run({ server, timeout: '1' })).toMatchObject({
      code: 2,
      complained: expect.stringContaining('no answer'),
    });
    expect(await run({ server: 'ftp://x' })).toMatchObject({
      code: 2,
      complained: expect.stringContaining('expected a URL'),
    });
    expect(await run({ timeout: 'soon' })).toMatchObject({
      code: 2,
      complained: expect.stringContaining('--timeout'),
    });
  });

  it('takes nothing else for a status', async () => {
    const other = createServer((_request, response) => response.end('{"hello":"world"}')).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => other.once('listening', resolve));
    closers.push(() => void other.close());
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(askStatus({ url }, 5_000)).rejects.toThrow('no status of an agent');
  });

  it('costs nothing else when the socket is taken, or the report fails', async () => {
    const path = await serving(true);
    const second = await serveStatus(() => statusReport(statusSources()), { logger: silentLogger, path });
    await second.close();
    expect((await run({}, path)).code).toBe(0);
    const broken = freshName();
    const socket = await serveStatus(
      () => {
        throw new Error('no');
      },
      { logger: silentLogger, path: broken },
    );
    closers.push(() => socket.close());
    expect(await run({}, broken)).toMatchObject({ code: 2, complained: expect.stringContaining('500') });
  });
});

it('dumps the same into the log on SIGUSR1', () => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  });
  const source = new EventEmitter();
  const dump = dumpOnSignal(logger, source);
  source.emit('SIGUSR1');
  expect(lines).toHaveLength(1);
  dump.from(() => statusReport(statusSources()));
  source.emit('SIGUSR1');
  const line = JSON.parse(lines[1] ?? '') as { status: unknown };
  expect(line.status).toEqual(statusReport(statusSources()));
});
