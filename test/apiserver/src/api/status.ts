// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from './objects.ts';

/** One entry of `Status.details.causes`: which field is wrong and why (metav1.StatusCause). */
export interface Cause {
  /** `FieldValueInvalid`, `FieldValueRequired`, `FieldValueNotSupported`, `FieldValueDuplicate`, `FieldValueForbidden`, ... */
  readonly reason: string;
  /** Text without the field path, e.g. `Invalid value: "x": must be ...`. */
  readonly message: string;
  /** Path such as `spec.ports[0].nodePort`. */
  readonly field?: string;
}

/** What an error is about; `group` and `kind` as in metav1.StatusDetails (`kind` is often the plural resource). */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** A failed request: becomes a `Status` object with the texts of the real API server. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The `Status` object (metav1.Status) for the response body. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: detailsOf(this.details) }),
      code: this.code,
    };
  }
}

function detailsOf(details: StatusDetails): JsonObject {
  return {
    ...(details.name ? { name: details.name } : {}),
    ...(details.group ? { group: details.group } : {}),
    ...(details.kind ? { kind: details.kind } : {}),
    ...(details.uid ? { uid: details.uid } : {}),
    ...(details.causes ? { causes: details.causes.map(causeOf) } : {}),
    ...(details.retryAfterSeconds ? { retryAfterSeconds: details.retryAfterSeconds } : {}),
  };
}

function causeOf({ reason, ...rest }: Cause): JsonObject {
  return { ...(reason === '' ? {} : { reason }), ...rest };
}

/** Group and plural (or kind) an error speaks about. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** `services` or `deployments.apps`: how messages name a resource (schema.GroupResource). */
export function qualified(subject: Pick<Subject, 'group' | 'plural'>): string {
  return subject.group === '' ? subject.plural : `${subject.plural}.${subject.group}`;
}

/** 404 for an object that is not there. */
export function notFound(subject: Subject, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualified(subject)} "${name}" not found`, {
    name,
    group: subject.group,
    kind: subject.plural,
  });
}

/** 409 for a name that is taken. */
export function alreadyExists(subject: Subject, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualified(subject)} "${name}" already exists`, {
    name,
    group: subject.group,
    kind: subject.plural,
  });
}

/** 409 with a reason of its own; see {@link staleWrite} for the usual one. */
export function conflict(subject: Subject, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`;
  return new StatusError(409, 'Conflict', message, { name, group: subject.group, kind: subject.plural });
}

/** 409 for a write that carries an old resourceVersion. */
export function staleWrite(subject: Subject, name: string): StatusError {
  return conflict(
    subject,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** 422 with the list of what is wrong, in the wording of the real one: `Kind.group "name" is invalid: ...`. */
export function invalid(
  subject: Pick<Subject, 'group' | 'kind'>,
  name: string,
  causes: readonly Cause[],
): StatusError {
  const texts = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message));
  const unique = [...new Set(texts)];
  const list = unique.length === 1 ? unique[0] : `[${unique.join(', ')}]`;
  const kind = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const message = `${kind} "${name}" is invalid${texts.length === 0 ? '' : `: ${list}`}`;
  return new StatusError(422, 'Invalid', message, {
    name,
    group: subject.group,
    kind: subject.kind,
    causes,
  });
}

/** 400. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** 403; `message` is the complete text after `<resource> "<name>" is forbidden: `. */
export function forbidden(
  subject: Pick<Subject, 'group' | 'plural'>,
  name: string,
  why: string,
): StatusError {
  const about = name === '' ? qualified(subject) : `${qualified(subject)} "${name}"`;
  return new StatusError(403, 'Forbidden', `${about} is forbidden: ${why}`, {
    name,
    group: subject.group,
    kind: subject.plural,
  });
}

/** 401. */
export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** 405 for a verb the resource does not have. */
export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

/** 404 for a path that no group serves. */
export function unknownPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 406 with the media types that would have been acceptable. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  return new StatusError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
  );
}

/** 415 with the media types that would have been understood. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

/** 410: the version asked for is no longer kept. `message` differs between watch and list. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message);
}

/** 500. */
export function internalError(message: string): StatusError {
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ reason: '', message }],
  });
}

/** `Success` status of a delete. */
export function success(details: StatusDetails): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: detailsOf(details) };
}
