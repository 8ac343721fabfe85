// The HTTP API as another front end would use it.
import assert from 'node:assert/strict';
import { Visitor } from './visitor.mjs';

/** One visitor of one server. */
export class Api {
  visitor = new Visitor();

  constructor(url) {
    this.url = url;
  }

  post(path, body) {
    return this.visitor.post(`${this.url}${path}`, body);
  }

  get(path) {
    return this.visitor.get(`${this.url}${path}`);
  }

  /** POSTs and insists on success. */
  async ok(path, body) {
    const answer = await this.post(path, body);
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** The whole way from a server's URL to a connection, consent included. */
  async connect(url, more = {}) {
    const started = await this.ok('/api/mcp/oauth/start', { url, mode: 'popup', ...more });
    const landed = await this.visitor.follow(started.authorizationUrl);
    assert.ok(landed.visited.at(-1).startsWith(`${this.url}/api/mcp/oauth/callback?`), landed.visited.at(-1));
    const flow = await this.get(`/api/mcp/oauth/flows/${started.flowId}`);
    assert.equal(flow.body.status, 'authorized', JSON.stringify(flow.body));
    return { connection: flow.body.connection, started, landed };
  }

  /** Sends a chat message and reads the whole event stream: the parts, `[DONE]` left out. */
  async chat(conversation, message) {
    const response = await this.visitor.fetch(`${this.url}/api/conversations/${conversation}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.equal(response.headers.get('x-vercel-ai-ui-message-stream'), 'v1');
    const data = text
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice('data:'.length).trim());
    assert.equal(data.at(-1), '[DONE]');
    return data.slice(0, -1).map((line) => JSON.parse(line));
  }
}

/** The text of a stream's parts. */
export function textOf(parts) {
  return parts
    .filter((part) => part.type === 'text-delta')
    .map((part) => part.delta)
    .join('');
}
