// SPDX-License-Identifier: Apache-2.0
import { StatusError } from '../api/status.ts';

/** The shape an answer takes: the object itself, rows for people, or only its metadata. */
export type Shape = 'object' | 'table' | 'metadata';

/** One entry of an Accept header. */
interface MediaType {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Splits an Accept header, best quality first; equal ones keep their order. */
function parseAccept(header: string): MediaType[] {
  const entries = header.split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters = new Map(
      rest.map((part): [string, string] => {
        const [key = '', value = ''] = part.split('=');
        return [key.trim(), value.trim()];
      }),
    );
    return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? 1) };
  });
  return entries.filter((entry) => entry.type !== '').sort((a, b) => b.quality - a.quality);
}

/**
 * The first acceptable shape. JSON is the only encoding this server has: entries with another type are passed over,
 * as are conversions it does not know. Throws 406 when nothing is left.
 */
export function negotiate(accept: string | undefined): Shape {
  for (const { type, parameters } of parseAccept(accept || '*/*')) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.get('as');
    if (as === undefined) return 'object';
    if (parameters.get('g') !== 'meta.k8s.io') continue;
    if (as === 'Table' && parameters.get('v') === 'v1') return 'table';
    if (as.startsWith('PartialObjectMetadata')) return 'metadata';
  }
  throw new StatusError(
    406,
    'NotAcceptable',
    '406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch',
    {},
  );
}

/** True when the Accept list asks for `as` of `group`, e.g. the aggregated discovery document, in one of `versions`. */
export function acceptedConversion(
  accept: string | undefined,
  as: string,
  group: string,
  versions: readonly string[],
): string | undefined {
  for (const { type, parameters } of parseAccept(accept ?? '')) {
    if (type !== 'application/json') continue;
    const version = parameters.get('v') ?? '';
    if (parameters.get('as') === as && parameters.get('g') === group && versions.includes(version)) {
      return version;
    }
  }
  return undefined;
}
