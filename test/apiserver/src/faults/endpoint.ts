// SPDX-License-Identifier: Apache-2.0
import { arrayOf, isJsonObject, type Json, numberOf, objectOf, stringOf } from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';
import { ADMIN_GROUP } from '../auth/user.ts';
import { readJson } from '../handlers/decode.ts';
import { type Exchange, sendBody } from '../http/exchange.ts';
import type { Faults } from './faults.ts';
import type { FaultRule } from './rules.ts';

/** Where faults are set over HTTPS. */
export const FAULTS_PATH = '/fairlead/faults';

/**
 * `GET` tells what is set. `POST` takes one order:
 * `{"rules": [FaultRule], "seed"?: n}`, `{"watches": "cut"|"stall"|"release"|"release-cut"}`, `{"compact": true}`,
 * `{"connections": "cut"}`, `{"outage": "refuse"|"blackhole", "forMs": n}`, `{"restart": {"downMs": n}}`,
 * `{"clear": true}`. Several in one order are carried out in this sequence. Admins only.
 */
export async function handleFaults(faults: Faults, exchange: Exchange): Promise<void> {
  if (!exchange.user.groups.includes(ADMIN_GROUP)) {
    throw new StatusError(
      403,
      'Forbidden',
      `only members of ${ADMIN_GROUP} may set faults, you are ${exchange.user.name}`,
    );
  }
  if (exchange.request.method !== 'GET') {
    const order = await readJson(exchange.request, 'fault order');
    const later = carryOut(faults, order);
    sendReport(faults, exchange);
    // Outages cut this very connection, so the answer goes first.
    if (later !== undefined) exchange.response.once('finish', () => void later().catch(report));
    return;
  }
  sendReport(faults, exchange);
}

function report(error: unknown): void {
  console.error('fault order failed:', error instanceof Error ? error.message : error);
}

function sendReport(faults: Faults, exchange: Exchange): void {
  sendBody(exchange.response, 200, 'application/json', `${JSON.stringify(faults.report())}\n`);
}

function carryOut(faults: Faults, order: Json): (() => Promise<void>) | undefined {
  if (!isJsonObject(order)) throw badRequest(`a fault order is a JSON object, got ${JSON.stringify(order)}`);
  if (order.clear === true) return () => faults.clear();
  if (order.rules !== undefined) {
    const seed = order.seed;
    faults.setRules(arrayOf(order.rules).map(parseRule), typeof seed === 'number' ? seed : undefined);
  }
  setWatches(faults, order.watches);
  if (order.compact === true) faults.compact();
  const outage = order.outage;
  if (outage === 'refuse' || outage === 'blackhole') {
    const forMs = numberOf(order.forMs);
    if (forMs <= 0)
      throw badRequest('an outage ordered over HTTPS needs "forMs": nothing could end it otherwise');
    return () => faults.outage(outage, forMs);
  }
  if (outage !== undefined)
    throw badRequest(`outage: expected "refuse" or "blackhole", got ${JSON.stringify(outage)}`);
  if (order.restart !== undefined) {
    const downMs = numberOf(objectOf(order.restart).downMs);
    return () => faults.restart(downMs);
  }
  if (order.connections === 'cut') return async () => faults.cutConnections();
  return undefined;
}

function setWatches(faults: Faults, what: Json | undefined): void {
  if (what === undefined) return;
  const orders: Readonly<Record<string, () => void>> = {
    cut: () => faults.cutWatches(),
    stall: () => faults.stallWatches(),
    release: () => faults.releaseWatches('send'),
    'release-cut': () => faults.releaseWatches('cut'),
  };
  const order = orders[stringOf(what)];
  if (order === undefined) {
    throw badRequest(
      `watches: expected one of ${Object.keys(orders).join(', ')}, got ${JSON.stringify(what)}`,
    );
  }
  order();
}

const STATUSES = [409, 429, 500, 503, 504] as const;

function parseRule(value: Json): FaultRule {
  if (!isJsonObject(value)) throw badRequest(`a fault rule is a JSON object, got ${JSON.stringify(value)}`);
  const select = objectOf(value.select);
  const texts = (key: string) => arrayOf(select[key]).map(stringOf);
  const status = STATUSES.find((candidate) => candidate === value.status);
  if (value.status !== undefined && status === undefined) {
    throw badRequest(`status: expected one of ${STATUSES.join(', ')}, got ${JSON.stringify(value.status)}`);
  }
  const numbers = ['rate', 'latencyMs', 'jitterMs', 'retryAfterSeconds', 'times'] as const;
  const given = numbers.filter((key) => typeof value[key] === 'number');
  return {
    select: {
      verbs: texts('verbs'),
      resources: texts('resources'),
      namespaces: texts('namespaces'),
      users: texts('users'),
    },
    ...Object.fromEntries(given.map((key) => [key, numberOf(value[key])])),
    ...(status === undefined ? {} : { status }),
    ...(value.drop === true ? { drop: true } : {}),
    ...(value.when === 'after' ? { when: 'after' as const } : {}),
  };
}
