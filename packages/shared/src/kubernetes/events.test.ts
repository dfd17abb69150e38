// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../runtime/clock.ts';
import { createLogger, type Logger } from '../runtime/logging.ts';
import { cutToBytes, EventCorrelator } from './event-correlation.ts';
import { createEventRecorder } from './events.ts';
import type { CoreEvent, Node, Service } from './objects.ts';
import {
  type Script,
  type ScriptedServer,
  type SeenRequest,
  sendJson,
  sendStatus,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'n', name: 'web', uid: 'u1', resourceVersion: '5' },
};

async function given(script: Script) {
  const started = await startScriptedServer(script);
  onTestFinished(() => started.close());
  server = started;
  const client = await server.client({ qps: 10_000, burst: 10_000 });
  const lines: string[] = [];
  const logger: Logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  });
  const clock = new ManualClock();
  return {
    clock,
    lines,
    recorder: createEventRecorder({ client, component: 'c', host: 'h', logger, clock }),
  };
}

const echo = (request: SeenRequest, response: ServerResponse) => sendJson(response, JSON.parse(request.body));
const methods = () =>
  server.requests.map((request) => `${request.method} ${request.url.pathname.replace(/\.[0-9a-f]+$/, '')}`);
const body = (index: number): CoreEvent => JSON.parse(server.requests[index]?.body ?? '{}');

test('an Event says what, about whom and by whom, and its repetition only raises the count', async () => {
  const { recorder, clock } = await given(echo);
  recorder.event(service, 'Warning', 'PoolExhausted', 'no address left');
  await recorder.flush();
  clock.advance(2_000);
  recorder.event(service, 'Warning', 'PoolExhausted', 'no address left');
  await recorder.flush();
  expect(methods()).toEqual(['POST /api/v1/namespaces/n/events', 'PATCH /api/v1/namespaces/n/events/web']);
  expect(body(0)).toMatchObject({
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Service',
      namespace: 'n',
      name: 'web',
      uid: 'u1',
      resourceVersion: '5',
    },
    type: 'Warning',
    reason: 'PoolExhausted',
    message: 'no address left',
    source: { component: 'c', host: 'h' },
    reportingComponent: 'c',
    reportingInstance: 'h',
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
  });
  expect(body(1)).toEqual({ count: 2, message: 'no address left', lastTimestamp: '2026-01-01T00:00:02Z' });
});

test('Events about cluster-scoped objects are in namespace default', async () => {
  const { recorder } = await given(echo);
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'w1' } };
  recorder.event(node, 'Normal', 'AddressHeld', 'x'.repeat(2_000));
  await recorder.flush();
  expect(methods()).toEqual(['POST /api/v1/namespaces/default/events']);
  expect(body(0).message).toHaveLength(1_024);
});

test('an Event object that has expired is replaced by a new one', async () => {
  const { recorder } = await given((request, response) => {
    if (request.method === 'PATCH') sendStatus(response, 404, 'NotFound');
    else echo(request, response);
  });
  for (let i = 0; i < 2; i += 1) {
    recorder.event(service, 'Normal', 'A', 'b');
    await recorder.flush();
  }
  expect(methods().map((m) => m.split(' ')[0])).toEqual(['POST', 'PATCH', 'POST']);
  expect(body(2).count).toBe(2);
});

test('when the role allows no Events there is one warning and then silence, with a new try later', async () => {
  const { recorder, clock, lines } = await given((_request, response) =>
    sendStatus(response, 403, 'Forbidden'),
  );
  for (let i = 0; i < 5; i += 1) {
    recorder.event(service, 'Normal', 'A', `${i}`);
    await recorder.flush();
  }
  expect([server.requests.length, lines.length]).toEqual([1, 1]);
  expect(lines[0]).toMatch(/Events are switched off/);
  clock.advance(300_001);
  recorder.event(service, 'Normal', 'A', 'later');
  await recorder.flush();
  expect([server.requests.length, lines.length]).toEqual([2, 1]);
});

test('thousands of objects at once: nothing is dropped, each has its Events in order, few are under way', async () => {
  let active = 0;
  let most = 0;
  const { recorder, lines } = await given((request, response) => {
    active += 1;
    most = Math.max(most, active);
    setImmediate(() => {
      active -= 1;
      echo(request, response);
    });
  });
  const count = 1_500;
  for (const reason of ['First', 'Second']) {
    for (let index = 0; index < count; index += 1) {
      const metadata = { ...service.metadata, name: `web-${index}`, uid: `u${index}` };
      recorder.event({ ...service, metadata }, 'Normal', reason, 'text');
    }
  }
  await recorder.flush();
  expect(lines).toEqual([]);
  expect(most).toBeLessThanOrEqual(4);
  const reasons = new Map<string, string[]>();
  for (let index = 0; index < server.requests.length; index += 1) {
    const { involvedObject, reason } = body(index);
    const name = involvedObject?.name ?? '';
    reasons.set(name, [...(reasons.get(name) ?? []), reason ?? '']);
  }
  expect(reasons.size).toBe(count);
  expect([...reasons.values()].every((each) => each.join() === 'First,Second')).toBe(true);
});

const about = { about: 'x', type: 'Normal', reason: 'R' };

test('many different messages of one reason become one series', () => {
  const correlator = new EventCorrelator();
  const series = Array.from({ length: 12 }, (_, i) =>
    correlator.take({ ...about, message: `m${i}` }, 1_000 + i),
  );
  expect(new Set(series.slice(0, 9).map((s) => s?.key)).size).toBe(9);
  expect(new Set(series.slice(9).map((s) => s?.key)).size).toBe(1);
  expect(series[11]).toMatchObject({
    count: 3,
    message: '(combined from similar events): m11',
    firstMs: 1_009,
  });
  // Ten minutes later messages are told apart again.
  expect(correlator.take({ ...about, message: 'm0' }, 700_000)).toMatchObject({ message: 'm0', count: 2 });
});

test('an object gets 25 Events at once, then one in five minutes; others are not affected', () => {
  const correlator = new EventCorrelator();
  const taken = (name: string, nowMs: number) =>
    correlator.take({ ...about, about: name, message: 'm' }, nowMs) !== undefined;
  const first = Array.from({ length: 40 }, () => taken('a', 1_000)).filter(Boolean);
  expect(first).toHaveLength(25);
  expect(taken('b', 1_000)).toBe(true);
  expect([taken('a', 300_000), taken('a', 302_000)]).toEqual([false, true]);
});

test('text is cut at a character', () => {
  expect(cutToBytes('äöü', 3)).toBe('ä');
  expect(cutToBytes('äöü', 4)).toBe('äö');
  expect(cutToBytes('abc', 3)).toBe('abc');
});
