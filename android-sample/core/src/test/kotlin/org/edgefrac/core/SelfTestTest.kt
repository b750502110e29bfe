package org.edgefrac.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The self-test and the choice of an accelerator, with engines that play the golden answers back, right or wrong. */
class SelfTestTest {
    private val assets = AppAssets.open(Material.assetSource())
    private val selfTest = SelfTest(assets, Material.decoder)

    private inner class Playback(override val accelerator: Accelerator, private val spoil: (NetworkOutput) -> NetworkOutput = { it }) : Engine {
        var closed = false
        var runs = 0

        override fun run(input: ByteArray): NetworkOutput {
            runs++
            val vector = assets.golden.first { Material.decoder.decode(assets.bytes(it.input)).radiograph().raster.pixels.contentEquals(input) }
            return spoil(NetworkOutput(floats(vector.probability), floats(vector.evidence)))
        }

        override fun close() {
            closed = true
        }

        private fun floats(values: DoubleArray) = FloatArray(values.size) { values[it].toFloat() }
    }

    private class Notes : Memory {
        val kept = HashMap<String, String>()

        override fun read(name: String) = kept[name]

        override fun write(name: String, value: String) {
            kept[name] = value
        }
    }

    @Test
    fun thisMachineReproducesTheGoldens() = selfTest.checkThePhone()

    @Test
    fun aDecoderThatIsOffByOneGreyIsFound() {
        val wrong = SelfTest(assets) { png -> Material.decoder.decode(png).also { it.argb[it.argb.size / 2] = it.argb[it.argb.size / 2] xor 0x010101 } }
        assertThrows(Refusal::class.java) { wrong.checkThePhone() }
    }

    @Test
    fun answersOffByMoreThanAllowedAreRefused() {
        val vector = assets.golden.last()
        val allowed = assertPasses { it }
        assertEquals(0.0, allowed.probability, 1e-6)
        assertPasses { output -> output.also { it.probability[0] += 0.5f * vector.probabilityTolerance.toFloat() } }
        assertRefused("probability") { output -> output.also { it.probability[0] += 1.5f * vector.probabilityTolerance.toFloat() } }
        assertRefused("evidence") { output -> output.also { it.evidence[it.evidence.size - 1] += 1.5f * vector.evidenceTolerance.toFloat() } }
        assertRefused("probability") { output -> output.also { it.probability[0] = Float.NaN } }
        assertRefused("evidence") { output -> output.also { it.evidence[3] = Float.NaN } }
        assertRefused("evidence") { NetworkOutput(it.probability, it.evidence.copyOf(it.evidence.size - 1)) }
    }

    private fun assertPasses(spoil: (NetworkOutput) -> NetworkOutput) = selfTest.checkTheAccelerator(Playback(Accelerator.CPU, spoil))

    private fun assertRefused(word: String, spoil: (NetworkOutput) -> NetworkOutput) {
        val refusal = assertThrows(Refusal::class.java) { assertPasses(spoil) }
        assertTrue(refusal.message, word in refusal.message.orEmpty())
    }

    @Test
    fun aWrongAcceleratorIsNotUsedAndNotTriedAgainUntilTheSystemChanges() {
        val notes = Notes()
        val opened = ArrayList<Accelerator>()
        val gpu = Playback(Accelerator.GPU) { output -> output.also { it.evidence[0] += 1e6f } }
        val opener = EngineOpener {
            opened.add(it)
            when (it) {
                Accelerator.NPU -> error("no such part")
                Accelerator.GPU -> gpu
                Accelerator.CPU -> Playback(it)
            }
        }
        val choice = Accelerators(opener, selfTest, notes, "system 1").choose()
        assertEquals(Accelerator.CPU, choice.engine.accelerator)
        assertEquals(listOf(Verdict.ABSENT, Verdict.REFUSED, Verdict.PASSED), choice.trials.map { it.verdict })
        assertTrue(gpu.closed)
        assertEquals(Accelerator.order, opened)

        opened.clear()
        val again = Accelerators(opener, selfTest, notes, "system 1").choose()
        assertEquals(listOf(Accelerator.CPU), opened)
        assertEquals(0, (again.engine as Playback).runs)
        assertEquals(choice.trials.map { it.words }, again.trials.map { it.words })

        opened.clear()
        Accelerators(opener, selfTest, notes, "system 2").choose()
        assertEquals(Accelerator.order, opened)
    }

    @Test
    fun theFirstThatPassesIsTaken() {
        val choice = Accelerators({ Playback(it) }, selfTest, Notes(), "x").choose()
        assertEquals(Accelerator.NPU, choice.engine.accelerator)
        assertEquals(listOf(Verdict.PASSED, Verdict.NOT_TRIED, Verdict.NOT_TRIED), choice.trials.map { it.verdict })
    }

    @Test
    fun aDriverThatTookTheAppDownIsNotTriedASecondTime() {
        val notes = Notes()
        val deadly = EngineOpener { if (it == Accelerator.NPU) throw StackOverflowError() else Playback(it) }
        assertThrows(StackOverflowError::class.java) { Accelerators(deadly, selfTest, notes, "x").choose() }
        val choice = Accelerators(deadly, selfTest, notes, "x").choose()
        assertEquals(Accelerator.GPU, choice.engine.accelerator)
        assertEquals(Verdict.REFUSED, choice.trials.first().verdict)
    }

    @Test
    fun whereNoneRemainsAllAreTriedAgain() {
        val notes = Notes()
        assertThrows(Refusal::class.java) { Accelerators({ error("out of memory") }, selfTest, notes, "x").choose() }
        assertEquals(Accelerator.NPU, Accelerators({ Playback(it) }, selfTest, notes, "x").choose().engine.accelerator)
    }

    @Test
    fun aBrokenMemoryIsNoMemory() {
        val notes = Notes().apply { write("self-test", "{\"schema\":\"edgefrac.app-self-test/1\",") }
        assertEquals(Accelerator.NPU, Accelerators({ Playback(it) }, selfTest, notes, "x").choose().engine.accelerator)
    }
}
