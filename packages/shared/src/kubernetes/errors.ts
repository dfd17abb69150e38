// SPDX-License-Identifier: Apache-2.0

/** What the API server answered when it refused: the fields of a meta/v1 Status that callers decide by. */
export class ApiError extends Error {
  /** HTTP status, e.g. 409. */
  readonly statusCode: number;
  /** Status reason, e.g. `Conflict`, `AlreadyExists`, `Expired`; '' when the body was no Status. */
  readonly reason: string;
  /** What `Retry-After` asked for. */
  readonly retryAfterMs?: number;

  constructor(statusCode: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'ApiError';
    this.statusCode = statusCode;
    this.reason = reason;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/** Where in a call the network failed. */
export type NetworkPhase = 'connect' | 'response' | 'body';

/**
 * No usable answer: refused, cut, or too late. Whether the server acted on the request is unknown, except in phase
 * `connect`, where it cannot have.
 */
export class NetworkError extends Error {
  readonly phase: NetworkPhase;
  /** True when nothing came in time; false when the connection failed. */
  readonly timedOut: boolean;

  constructor(phase: NetworkPhase, timedOut: boolean, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.phase = phase;
    this.timedOut = timedOut;
  }
}

/** What arrived on a list or watch is not what the API promises (not JSON, an event without object, ...). */
export class ProtocolError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ProtocolError';
  }
}

function hasStatus(error: unknown, statusCode: number): error is ApiError {
  return error instanceof ApiError && error.statusCode === statusCode;
}

/** 404: the object (or its kind) is not there. */
export function isNotFound(error: unknown): error is ApiError {
  return hasStatus(error, 404);
}

/** 409 because the object changed since it was read: read again and decide again. */
export function isConflict(error: unknown): error is ApiError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists';
}

/** 409 because an object of this name is already there. */
export function isAlreadyExists(error: unknown): error is ApiError {
  return hasStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** 410: the version or continue token asked for is no longer kept. */
export function isGone(error: unknown): error is ApiError {
  return hasStatus(error, 410);
}

/** 403: RBAC says no. */
export function isForbidden(error: unknown): error is ApiError {
  return hasStatus(error, 403);
}

/** 401: the credentials are missing, wrong or expired. */
export function isUnauthorized(error: unknown): error is ApiError {
  return hasStatus(error, 401);
}

/** 422: the server's validation refused the object. */
export function isInvalid(error: unknown): error is ApiError {
  return hasStatus(error, 422);
}
