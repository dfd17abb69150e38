// SPDX-License-Identifier: Apache-2.0
import { type LabelSelector, parseLabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import { badRequest, invalid, StatusError } from '../api/status.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { fieldMatcher, parseFieldSelector } from '../selectors/fields.ts';
import type { Entry } from '../store/entry.ts';

/** Query parameters of list and watch, checked. */
export interface ListOptions {
  /** `undefined`: everything matches. */
  readonly matches: ((entry: Entry) => boolean) | undefined;
  readonly limit: number;
  readonly continueToken: string;
  /** `undefined`: not given. */
  readonly resourceVersion: number | undefined;
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan';
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

/** Reads and checks the parameters. `name` narrows to one object (the old `watch` of a single one). */
export function parseListOptions(
  definition: ResourceDefinition,
  query: URLSearchParams,
  isWatch: boolean,
  name: string,
): ListOptions {
  const match = query.get('resourceVersionMatch') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const continueToken = query.get('continue') ?? '';
  const sendInitialEvents = query.has('sendInitialEvents')
    ? isTrue(query.get('sendInitialEvents'))
    : undefined;
  checkMatch(match, version, continueToken, isWatch, sendInitialEvents);
  return {
    matches: parseMatcher(definition, query, name),
    limit: integer(query.get('limit')) ?? 0,
    continueToken,
    resourceVersion: parseVersion(version),
    resourceVersionMatch: match === 'Exact' || match === 'NotOlderThan' ? match : '',
    timeoutSeconds: integer(query.get('timeoutSeconds')),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents,
  };
}

/** The label and field selectors of a request as one test. */
export function parseMatcher(
  definition: ResourceDefinition,
  query: URLSearchParams,
  name: string,
): ((entry: Entry) => boolean) | undefined {
  const labels = labelMatcher(query.get('labelSelector') ?? '');
  const requirements = parseFieldSelector(query.get('fieldSelector') ?? '', definition.fields, (field) =>
    unsupportedField(definition, field),
  );
  const fields = fieldMatcher(requirements, definition.fields);
  if (labels === undefined && fields === undefined && name === '') return undefined;
  return ({ object }) =>
    (name === '' || object.metadata.name === name) &&
    (labels === undefined || labels(object.metadata.labels ?? {})) &&
    (fields === undefined || fields(object));
}

/** `undefined`: everything matches. */
function labelMatcher(text: string): LabelSelector['matches'] | undefined {
  const selector = parseLabelSelector(text);
  if (!selector.ok) throw badRequest(selector.problem);
  return text.trim() === '' ? undefined : selector.value.matches;
}

/** Kinds with field selectors of their own word the refusal differently. */
function unsupportedField(definition: ResourceDefinition, field: string): string {
  const known = Object.keys(definition.fields);
  const isGeneric = known.length === 2 && known.includes('metadata.namespace');
  if (!isGeneric) return `field label not supported: ${field}`;
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function checkMatch(
  match: string,
  version: string,
  continueToken: string,
  isWatch: boolean,
  sendInitialEvents: boolean | undefined,
): void {
  const refuse = (field: string, reason: string, message: string): never => {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [{ reason, message, field }]);
  };
  const forbid = (field: string, why: string): never =>
    refuse(field, 'FieldValueForbidden', `Forbidden: ${why}`);
  if (sendInitialEvents !== undefined) {
    if (!isWatch) forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list');
    if (match !== 'NotOlderThan') {
      forbid(
        'resourceVersionMatch',
        'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    }
    return;
  }
  if (match === '') return;
  if (isWatch) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch');
  if (version === '') {
    forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (continueToken !== '')
    forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    refuse(
      'resourceVersionMatch',
      'FieldValueNotSupported',
      `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`,
    );
  }
  if (match === 'Exact' && version === '0') {
    forbid('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

function parseVersion(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d+$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

/** 504 for a version from the future, as the real server answers after waiting for it. */
export function versionTooLarge(asked: number, current: number): StatusError {
  return new StatusError(
    504,
    'Timeout',
    `Timeout: Too large resource version: ${asked}, current: ${current}`,
    {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  );
}

function integer(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** Booleans as query parameters: `true`, `1`, or present without a value. */
export function isTrue(text: string | null): boolean {
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}
