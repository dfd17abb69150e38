// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodNotAllowed, notFound, StatusError, unauthorized, unknownPath } from '../api/status.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Authorizer } from '../auth/rbac.ts';
import { ANONYMOUS, type User } from '../auth/user.ts';
import { handleDiscovery, isPublic } from '../discovery/handler.ts';
import { FAULTS_PATH, handleFaults } from '../faults/endpoint.ts';
import type { Faults } from '../faults/faults.ts';
import { type FaultPlan, NO_FAULT } from '../faults/rules.ts';
import { handleObjects } from '../handlers/objects.ts';
import { handleReview, REVIEWS } from '../handlers/reviews.ts';
import { handleSubresource, type SubresourceContext } from '../handlers/subresources.ts';
import { handleOpenApi } from '../openapi/handler.ts';
import { findResource } from '../resources/catalog.ts';
import { authorize } from './authorize.ts';
import { createWarner, type Exchange, sendBody, sendError } from './exchange.ts';
import { impersonate } from './impersonate.ts';
import { parseRequest, type RequestInfo, type ResourceRequest } from './request-info.ts';

/** Everything a request may need. */
export interface DispatchContext extends SubresourceContext {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly faults: Faults;
  /** Told of each request as it comes; for statistics. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
  /** Told of each answer when it is complete, with its status code. */
  readonly onResponse?: ((record: RequestRecord, code: number) => void) | undefined;
}

/** One request, for those who count them. */
export interface RequestRecord {
  readonly user: string;
  readonly verb: string;
  /** `services/status`, or the path of a request for no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly userAgent: string;
}

/** Answers one request from end to end; never throws. */
export async function dispatch(
  context: DispatchContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    // In a black hole requests on open connections are heard and never answered.
    if (context.faults.isSilent) return;
    await answer(context, request, response);
  } catch (error) {
    if (!(error instanceof StatusError)) console.error('request failed:', request.method, request.url, error);
    sendError(response, error);
  }
}

async function answer(
  context: DispatchContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://server');
  const info = parseRequest(request.method ?? 'GET', url);
  const user = authenticate(context, request, url.pathname);
  const exchange: Exchange = { request, response, url, user, warn: createWarner(response) };
  tell(context, recordOf(info, user, request), response);
  if (url.pathname === FAULTS_PATH) return handleFaults(context.faults, exchange);
  const plan = isPublic(url.pathname) ? NO_FAULT : planFor(context, info, user);
  if (plan.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, plan.delayMs));
  if (plan.when === 'before' && fail(plan, info, response)) return;
  if (plan.when === 'after') loseAnswer(plan, info, response);
  if (user !== ANONYMOUS) authorize(context.authorizer, user, info);
  await route(context, exchange, info);
}

function tell(context: DispatchContext, record: RequestRecord, response: ServerResponse): void {
  context.onRequest?.(record);
  const { onResponse } = context;
  if (onResponse !== undefined) response.once('close', () => onResponse(record, response.statusCode));
}

function recordOf(info: RequestInfo, user: User, request: IncomingMessage): RequestRecord {
  const resource = resourceText(info);
  return {
    user: user.name,
    verb: info.verb,
    resource: resource === '' ? info.path : resource,
    namespace: info.isResource ? info.namespace : '',
    name: info.isResource ? info.name : '',
    userAgent: request.headers['user-agent'] ?? '',
  };
}

/** Without credentials only health and version are to be seen. */
function authenticate(context: DispatchContext, request: IncomingMessage, path: string): User {
  const user = context.authenticator.authenticate(request.headers.authorization);
  if (user !== undefined && user !== 'invalid') return impersonate(context.authorizer, user, request.headers);
  if (user === undefined && isPublic(path)) return ANONYMOUS;
  throw unauthorized();
}

function resourceText(info: RequestInfo): string {
  if (!info.isResource) return '';
  return info.subresource === '' ? info.plural : `${info.plural}/${info.subresource}`;
}

function planFor(context: DispatchContext, info: RequestInfo, user: User): FaultPlan {
  return context.faults.plan({
    verb: info.verb,
    resource: resourceText(info),
    namespace: info.isResource ? info.namespace : '',
    user: user.name,
  });
}

/** Fails a request as planned; false when it is to be served. */
function fail(plan: FaultPlan, info: RequestInfo, response: ServerResponse): boolean {
  if (plan.drop) {
    response.destroy();
    return true;
  }
  if (plan.status === undefined) return false;
  sendError(response, injectedError(plan, info));
  return true;
}

/** Lets the request be carried out and swaps its answer. */
function loseAnswer(plan: FaultPlan, info: RequestInfo, response: ServerResponse): void {
  if (!plan.drop && plan.status === undefined) return;
  const end = response.end.bind(response);
  const writeHead = response.writeHead.bind(response);
  Object.assign(response, {
    writeHead: () => response,
    end: () => {
      Object.assign(response, { end, writeHead });
      fail(plan, info, response);
      return response;
    },
  });
}

function injectedError(plan: FaultPlan, info: RequestInfo): StatusError {
  const retry = plan.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: plan.retryAfterSeconds };
  const name = info.isResource ? info.name : '';
  const plural = resourceText(info);
  switch (plan.status) {
    case 409:
      return new StatusError(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${plural} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
        { name, kind: plural },
      );
    case 429:
      return new StatusError(
        429,
        'TooManyRequests',
        'the server has received too many requests and has asked us to try again later',
        { retryAfterSeconds: 1, ...retry },
      );
    case 503:
      return new StatusError(
        503,
        'ServiceUnavailable',
        'the server is currently unable to handle the request',
        retry,
      );
    case 504:
      return new StatusError(504, 'Timeout', 'request did not complete within requested timeout', retry);
    default:
      return new StatusError(500, 'InternalError', 'Internal error occurred: injected fault', retry);
  }
}

async function route(context: DispatchContext, exchange: Exchange, info: RequestInfo): Promise<void> {
  if (info.isResource) return routeResource(context, exchange, info);
  const method = exchange.request.method;
  if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed();
  if (handleDiscovery(exchange) || handleOpenApi(exchange)) return;
  sendBody(exchange.response, 404, 'text/plain; charset=utf-8', '404 page not found\n');
}

async function routeResource(
  context: DispatchContext,
  exchange: Exchange,
  info: ResourceRequest,
): Promise<void> {
  const review = REVIEWS.find(
    ({ group, version, plural }) =>
      group === info.group && version === info.version && plural === info.plural,
  );
  if (review !== undefined) {
    if (info.verb !== 'create') throw methodNotAllowed();
    return handleReview({ ...context, now: () => context.cluster.now() }, exchange, info, review);
  }
  const definition = findResource(info.group, info.version, info.plural);
  if (definition === undefined) throw unknownPath();
  if (definition.namespaced && info.namespace === '' && info.name !== '') throw unknownPath();
  if (!definition.namespaced && info.namespace !== '') throw unknownPath();
  if (info.subresource === '') return handleObjects(context, exchange, info, definition);
  if (!definition.subresources.some((known) => known === info.subresource)) throw unknownPath();
  if (info.name === '') throw notFound(definition, '');
  return handleSubresource(context, exchange, info, definition);
}
