// SPDX-License-Identifier: Apache-2.0
/** What a proxy does to the headers of HTTP (RFC 9110, section 7.6). Pure; headers are flat lists of names and values, as Node has them. */

/** They speak of one connection, and a proxy has two. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Node has answered it by the time we see the request. */
const EXPECT = 'expect';
const FORWARDED_FOR = 'x-forwarded-for';
/** Only we say these; what a client claims is dropped. */
const OURS: ReadonlySet<string> = new Set([FORWARDED_FOR, 'x-forwarded-host', 'x-forwarded-proto']);

/** Headers for the target: the client's, and who it is. A client behind another proxy is at the end of `X-Forwarded-For`. */
export function toTargetHeaders(raw: readonly string[], client: string): string[] {
  const dropped = namedByConnection(raw);
  const headers: string[] = [];
  const via: string[] = [];
  let host: string | undefined;
  for (const [name, value] of pairs(raw)) {
    const key = name.toLowerCase();
    if (key === 'host') host = value;
    if (key === FORWARDED_FOR) via.push(value);
    if (HOP_BY_HOP.has(key) || OURS.has(key) || key === EXPECT || dropped.has(key)) continue;
    headers.push(name, value);
  }
  headers.push('X-Forwarded-For', [...via, client].join(', '), 'X-Forwarded-Proto', 'http');
  if (host !== undefined) headers.push('X-Forwarded-Host', host);
  return headers;
}

/** Headers for the client: the target's, without those of its connection to us. */
export function toClientHeaders(raw: readonly string[]): string[] {
  const dropped = namedByConnection(raw);
  return [...pairs(raw)].flatMap(([name, value]) => {
    const key = name.toLowerCase();
    return HOP_BY_HOP.has(key) || dropped.has(key) ? [] : [name, value];
  });
}

/** The value of the first header of this name, given in lower case. */
export function headerValue(raw: readonly string[], wanted: string): string | undefined {
  for (const [name, value] of pairs(raw)) if (name.toLowerCase() === wanted) return value;
  return undefined;
}

/** Other headers that `Connection` says are of this connection only. Host and framing are not its to name. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const token of value.split(',')) names.add(token.trim().toLowerCase());
  }
  names.delete('host');
  names.delete('content-length');
  return names;
}

function* pairs(raw: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? '', raw[index + 1] ?? ''];
}
