// The chat as people use it every day, with a model whose answers the test writes.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { startModel } from '../fixtures/model.mjs';
import { App } from '../lib/app.mjs';
import { browserTest } from '../lib/browser.mjs';
import { startDemo } from '../lib/demo.mjs';
import { expectSoon } from '../lib/expect.mjs';
import { startGatepass } from '../lib/gatepass.mjs';

/** One red pixel. */
const PICTURE = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==', 'base64');

describe('the chat', () => {
  let model;
  let demo;
  let gatepass;

  before(async () => {
    [model, demo] = await Promise.all([startModel(), startDemo()]);
    gatepass = await startGatepass({
      config: `model_url = "${model.url}"
[[models]]
id = "scripted"
label = "Scripted"
attachments = ["text", "image"]
[[models]]
id = "blind"
label = "Blind"
`,
    });
  });
  beforeEach(async () => {
    model.reset();
    await demo.behave({ mcp: { access: 'open', test_tools: true } });
  });
  after(() => Promise.all([gatepass?.stop(), model?.close(), demo?.stop()]));
  const on = { gatepass: () => gatepass };
  const told = () => model.requests.at(-1).messages.slice(1).map(({ role, content }) => `${role}: ${content}`);

  describe('an answer that is being written', () => {
    browserTest('goes on after a reload', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      const answer = model.writes().write('First half, ');
      await app.open();
      await app.send('Tell me something long');
      await app.answer.getByText('First half,').waitFor();
      await page.reload();
      await app.answer.getByText('First half,').waitFor();
      await page.getByRole('button', { name: 'Stop' }).waitFor();
      answer.write('second half.').end();
      await app.answered('First half, second half.');
      assert.equal(await app.answers.count(), 1);
      assert.equal(model.requests.length, 1, 'the model is not asked again');
    });

    browserTest('is taken up again when the network comes back, and the draft stays', on, async ({ page, context, watch }) => {
      watch.expect(/ERR_INTERNET_DISCONNECTED|Failed to load resource/);
      const app = new App(page, gatepass.url);
      const answer = model.writes().write('Before the tunnel, ');
      await app.open();
      await app.send('Tell me something long');
      await app.answer.getByText('Before the tunnel,').waitFor();
      await context.setOffline(true);
      await page.getByText('You are offline.').waitFor();
      await app.composer.fill('my next question');
      answer.write('in the tunnel, ');
      await context.setOffline(false);
      answer.write('after the tunnel.').end();
      await app.answered('Before the tunnel, in the tunnel, after the tunnel.');
      await page.getByText('You are offline.').waitFor({ state: 'detached' });
      assert.equal(await app.composer.inputValue(), 'my next question');
      await page.reload();
      assert.equal(await app.composer.inputValue(), 'my next question');
    });

    browserTest('whose server was killed is shown as far as it came, and can be continued', on, async ({ page, watch }) => {
      watch.expect(/Failed to load resource/);
      const app = new App(page, gatepass.url);
      model.writes().write('What arrived before the crash');
      await app.open();
      await app.send('Tell me something long');
      await app.answer.getByText('What arrived before the crash').waitFor();
      const path = new URL(page.url()).pathname;
      const kept = () => page.evaluate((id) => fetch(`/api/conversations/${id}`).then((answer) => answer.text()), path.split('/').at(-1));
      await expectSoon(kept, (text) => text.includes('before the crash'), 'the answer is stored as it grows');

      gatepass = await gatepass.crash();

      await page.getByText('This answer broke off.').waitFor();
      await app.answer.getByText('What arrived before the crash').waitFor();
      await page.reload();
      await page.getByText('This answer broke off.').waitFor();
      await app.answer.getByText('What arrived before the crash').waitFor();
      model.says('And this is the rest.');
      await page.getByRole('button', { name: 'Continue' }).click();
      await app.answered('And this is the rest.');
      assert.ok(told().includes('assistant: What arrived before the crash'), 'the model knows what it had said');
    });

    browserTest('can be stopped; a call that ran is stopped, not failed', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.knows({ name: 'Demo', url: demo.mcpUrl });
      model.calls(['hang']);
      await app.open();
      await app.send('Hang around');
      await app.toolCard('hang').getByText('running').waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByText('You stopped this answer.').waitFor();
      await page.getByRole('button', { name: 'Send' }).waitFor();
      for (const look of [1, 2]) {
        await app.toolCard('hang').getByText('stopped', { exact: true }).waitFor();
        assert.equal(await app.answer.getByText('failed').count(), 0);
        if (look === 1) await page.reload();
      }
    });
  });

  describe('what was said', () => {
    browserTest('can be edited and sent again, and replaces what came after it', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      for (const [question, answer] of [['One', 'Answer to one'], ['Two', 'Answer to two'], ['Three', 'Answer to three']]) {
        model.says(answer);
        await app.send(question);
        await app.answered(answer);
      }
      const two = app.question('Two');
      await two.hover();
      await two.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Edited message').fill('Two, but better');
      model.says('Better answer');
      await page.getByRole('button', { name: 'Send again' }).click();
      await app.answered('Better answer');
      const expected = ['One', 'Answer to one', 'Two, but better', 'Better answer'];
      for (const look of [1, 2]) {
        await expectSoon(() => said(page), (texts) => texts.join() === expected.join(), 'what is left of the conversation');
        if (look === 1) await page.reload();
      }
      assert.deepEqual(told(), ['user: One', 'assistant: Answer to one', 'user: Two, but better']);
    });

    browserTest('is left as it was with Escape, and the focus returns to where it came from', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      await app.send('Something');
      await app.answered('OK.');
      const edit = page.getByRole('button', { name: 'Edit' });
      await edit.focus();
      await edit.press('Enter');
      await page.getByLabel('Edited message').press('Escape');
      assert.ok(await edit.evaluate((button) => button === document.activeElement));
    });

    browserTest('is answered again in place of the answer before', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      model.says('A poor answer');
      await app.send('Say something good');
      await app.answered('A poor answer');
      model.says('A good answer');
      await page.getByRole('button', { name: 'Answer again' }).click();
      await app.answered('A good answer');
      assert.deepEqual(await said(page), ['Say something good', 'A good answer']);
      assert.deepEqual(told(), ['user: Say something good']);
    });

    browserTest('goes back to where it was typed if it cannot be sent', on, async ({ page, context, watch }) => {
      watch.expect(/ERR_INTERNET_DISCONNECTED|Failed to load resource/);
      const app = new App(page, gatepass.url);
      await app.open();
      await app.send('First');
      await app.answered('OK.');
      await context.setOffline(true);
      await app.send('Into the void');
      await page.getByText('Nothing is lost').first().waitFor();
      assert.equal(await app.composer.inputValue(), 'Into the void');
      await context.setOffline(false);
      await page.getByText('You can read and write').waitFor({ state: 'detached' });
      await app.composer.press('Enter');
      await expectSoon(() => app.answers.count(), (count) => count === 2, 'the second answer');
      await page.getByRole('button', { name: 'Send' }).waitFor();
      assert.deepEqual(await said(page), ['First', 'OK.', 'Into the void', 'OK.']);
    });
  });

  describe('conversations', () => {
    browserTest('are found by their words, renamed and deleted', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      for (const text of ['Where does the ferry to Åland leave?', 'A recipe for rye bread', 'Packing for the trip']) {
        await app.open();
        await app.send(text);
        await app.answered('OK.');
      }
      const list = page.getByRole('navigation', { name: 'Conversations' });
      const search = page.getByRole('searchbox', { name: 'Search conversations' });
      await search.fill('åland FERRY');
      await page.getByRole('status').filter({ hasText: 'One conversation found.' }).waitFor();
      assert.deepEqual(await list.getByRole('link').count(), 1);
      await list.getByRole('link', { name: /ferry to Åland/ }).click();
      await app.question('Where does the ferry').waitFor();
      await search.fill('zeppelin');
      await page.getByText('No conversation has these words.').waitFor();
      await search.press('Escape');
      await list.getByRole('link', { name: /rye bread/ }).waitFor();

      await list.getByRole('link', { name: /rye bread/ }).hover();
      await page.getByRole('button', { name: /^Rename .*rye bread/ }).click();
      await page.getByLabel('New name of the conversation').fill('Bread');
      await page.keyboard.press('Enter');
      await list.getByRole('link', { name: 'Bread', exact: true }).waitFor();
      await list.getByRole('link', { name: 'Bread', exact: true }).hover();
      await page.getByRole('button', { name: 'Delete “Bread”' }).click();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await list.getByRole('link', { name: 'Bread', exact: true }).waitFor({ state: 'detached' });
      await page.reload();
      await list.getByRole('link').nth(1).waitFor();
      assert.equal(await list.getByRole('link').count(), 2);
    });
  });

  describe('files', () => {
    browserTest('go with a message, are shown with it and reach the model', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Attach files' }).click();
      await (await chooser).setFiles([
        { name: 'pixel.png', mimeType: 'image/png', buffer: PICTURE },
        { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Tea\nGreen') },
        { name: 'program.exe', mimeType: 'application/octet-stream', buffer: Buffer.from([0, 1, 2]) },
      ]);
      await page.getByText('program.exe was left out: it is neither text nor a picture').waitFor();
      await page.getByRole('button', { name: 'Remove notes.md' }).waitFor();
      await app.send('What is this?');
      await app.answered('OK.');
      const [{ content }] = model.requests[0].messages.slice(-1);
      assert.deepEqual(content, [
        { type: 'text', text: '<file name="notes.md">\n# Tea\nGreen\n</file>\n\nWhat is this?' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE.toString('base64')}` } },
      ]);
      await page.reload();
      const picture = app.question('What is this?').getByRole('img', { name: 'pixel.png' });
      await expectSoon(() => picture.evaluate((image) => image.naturalWidth), (width) => width === 1, 'the picture is shown');
      await app.question('What is this?').getByText('notes.md').waitFor();
    });

    browserTest('that the model cannot take are refused where they were chosen', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      await page.getByRole('combobox', { name: 'Model' }).selectOption('Blind');
      const chooser = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Attach files' }).click();
      await (await chooser).setFiles([
        { name: 'pixel.png', mimeType: 'image/png', buffer: PICTURE },
        { name: 'long.txt', mimeType: 'text/plain', buffer: Buffer.alloc(300 * 1024, 'x') },
      ]);
      await page.getByText('pixel.png was left out: Blind takes no pictures.').waitFor();
      await page.getByText('long.txt was left out: it is larger than 256 KB.').waitFor();
      await app.send('Hello');
      await app.answered('OK.');
      assert.deepEqual(told(), ['user: Hello']);
      assert.equal(model.requests[0].model, 'blind');
    });
  });

  describe('a tool call', () => {
    browserTest('shows its arguments and its result', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.knows({ name: 'Demo', url: demo.mcpUrl });
      model.calls(['add_numbers', { a: 2, b: 40 }], ['test_image_content'], ['fail']);
      model.says('Done.');
      await app.open();
      await app.send('Go');
      await app.answered('Done.');
      for (const look of [1, 2]) {
        const sum = app.toolCard('add_numbers');
        await sum.getByText('done').waitFor();
        await sum.locator('summary').click();
        await sum.getByText('"b": 40').waitFor();
        await sum.getByText('2 + 40 = 42').waitFor();
        const picture = app.toolCard('test_image_content').getByRole('img');
        await expectSoon(() => picture.first().evaluate((image) => image.naturalWidth), (width) => width > 0, 'the picture is shown');
        const failed = app.toolCard('fail');
        await failed.getByText('failed').waitFor();
        await failed.locator('summary').click();
        await failed.getByText('This tool always fails.').waitFor();
        if (look === 1) await page.reload();
      }
    });
  });

  describe('a long conversation', () => {
    browserTest('of a thousand messages opens at its end and lays out only what is near', on, async ({ page }) => {
      const app = new App(page, gatepass.url);
      await app.open();
      await app.send('The last one');
      await app.answered('OK.');
      // What was said before is told by the test; everything after goes to the server.
      await page.route(`**/api${new URL(page.url()).pathname.replace('/c/', '/conversations/')}`, async (route) => {
        const answer = await route.fetch();
        const conversation = await answer.json();
        await route.fulfill({ response: answer, json: { ...conversation, messages: [...earlier(998), ...conversation.messages] } });
      });
      await page.reload();
      await app.question('The last one').waitFor();
      await expectSoon(() => page.getByTestId('message').count(), (count) => count === 1000, 'all messages are there');
      await expectSoon(
        () => app.question('The last one').evaluate((own) => own.getBoundingClientRect().bottom <= innerHeight),
        Boolean,
        'the end is in sight',
      );
      const laidOut = () =>
        page.getByTestId('message').evaluateAll((messages) => messages.filter((own) => own.firstElementChild?.checkVisibility({ contentVisibilityAuto: true })).length);
      await expectSoon(laidOut, (count) => count > 0 && count < 80, 'few messages are laid out');
      const parsed = await page.locator('.markdown').evaluateAll((texts) => texts.filter((own) => !own.querySelector(':scope > .plain')).length);
      assert.ok(parsed < 80, `${parsed} answers are parsed`);

      // Writing and answering touch the end only.
      await app.composer.pressSequentially('Still quick');
      const session = await page.context().newCDPSession(page);
      await session.send('Performance.enable');
      const layouts = async () => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'LayoutObjects')?.value;
      const answer = model.writes();
      await app.composer.press('Enter');
      await answer.asked;
      for (let at = 0; at < 50; at += 1) answer.write(`word ${at} `);
      answer.end();
      await app.answer.getByText('word 49').waitFor();
      // Found by its place: asking for a button by its name makes the browser lay everything out.
      await page.locator('form button[type="submit"]').waitFor();
      assert.ok((await laidOut()) < 80);
      const objects = await layouts();
      assert.ok(objects === undefined || objects < 4000, `${objects} layout objects`);
      // Back to the start, which is parsed when it comes into sight.
      await page.locator('.scroll').evaluate((scroller) => scroller.scrollTo(0, 0));
      const first = page.getByTestId('message').nth(1);
      await expectSoon(() => first.locator('table').count(), (count) => count === 1, 'the first answer is parsed');
      assert.ok(await first.evaluate((own) => own.getBoundingClientRect().top < innerHeight));
    });
  });
});

/** The texts of the conversation, in order. */
async function said(page) {
  const texts = await page.getByTestId('message').locator('.own, .markdown').allInnerTexts();
  return texts.map((text) => text.trim());
}

/** Questions and answers with a table, code and a list, the oldest first. */
function earlier(count) {
  return Array.from({ length: count }, (_, at) => ({
    id: `earlier-${at}`,
    role: at % 2 ? 'assistant' : 'user',
    createdAt: at,
    parts: [
      {
        type: 'text',
        text: at % 2 ? `Answer ${at}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\`\`\`js\nlet a = ${at};\n\`\`\`\n\n- one\n- two` : `Question ${at}`,
        state: 'done',
      },
    ],
  }));
}
