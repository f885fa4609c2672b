// The hook of the second generation, on the thread-wide stream: submit, questions and answers, a reload in the middle.
import { useStream } from "@langchain/react";
import { createElement } from "react";
import { create } from "react-test-renderer";

globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const [url, agent, input, ...answers] = process.argv.slice(2);
let hook;
let threadId;

function Page({ threadId: thread }) {
  hook = useStream({ apiUrl: url, assistantId: agent, threadId: thread ?? null, onThreadId: (id) => (threadId = id) });
  return null;
}

function told() {
  const { values, isLoading, interrupts, error } = hook ?? {};
  return JSON.stringify({ values, isLoading, interrupts, error: error && String(error) });
}

async function until(word, is, patience = 20000) {
  for (const end = Date.now() + patience; !is(); ) {
    if (Date.now() > end) throw new Error(`not within time: ${word}; ${told()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

let page = create(createElement(Page));
await until("the hook", () => hook);
const seen = new Set();
const watch = setInterval(() => seen.add(hook?.messages.at(-1)?.text), 2);
const begun = hook.submit(JSON.parse(input));
const asked = [];
for (const answer of answers) {
  if (answer === "together") {
    await until("two questions", () => hook.interrupts.length === 2);
    asked.push(...hook.interrupts.map(({ id, value }) => ({ id, value })));
    await hook.respondAll(Object.fromEntries(asked.map(({ id, value }) => [id, `to ${value}`])));
    break;
  }
  const isNew = (each) => !asked.some((old) => old.id === each.id);
  await until(`question ${asked.length + 1}`, () => !hook.isLoading && hook.interrupts.some(isNew));
  const question = hook.interrupts.find(isNew);
  asked.push({ id: question.id, value: question.value });
  if (answer === "reload") {
    page.unmount();
    hook = undefined;
    page = create(createElement(Page, { threadId }));
    await until("the question again", () => hook && !hook.isThreadLoading && hook.interrupts[0]?.id === question.id);
    asked.pop();
    continue;
  }
  await hook.respond(answer, { interruptId: question.id });
}
if (!answers.length) await begun;
const isAnswered = () => (hook.values.said ? hook.values.said.length === asked.length : hook.messages.at(-1)?.getType() === "ai");
await until("the end", () => !hook.isLoading && hook.interrupts.length === 0 && isAnswered());
clearInterval(watch);
const messages = hook.messages.map((each) => [each.getType(), each.text]);
const calls = hook.toolCalls.map((each) => [each.name, each.status, each.args ?? each.input]);
const subagents = [...hook.subagents.values()].map((each) => [each.name, each.status, each.namespace.length]);
const { messages: _, ...values } = hook.values;
const error = hook.error ? String(hook.error) : null;
console.log(JSON.stringify({ messages, calls, subagents, values, error, asked: asked.map((each) => each.value), seen: [...seen] }));
process.exit(0);
