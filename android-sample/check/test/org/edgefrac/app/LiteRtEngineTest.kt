package org.edgefrac.app

import android.content.res.AssetManager
import org.edgefrac.core.Accelerator
import org.edgefrac.core.Accelerators
import org.edgefrac.core.AppAssets
import org.edgefrac.core.Engine
import org.edgefrac.core.EngineOpener
import org.edgefrac.core.Material
import org.edgefrac.core.Memory
import org.edgefrac.core.NetworkOutput
import org.edgefrac.core.Preprocess
import org.edgefrac.core.Radiograph
import org.edgefrac.core.Reader
import org.edgefrac.core.Refusal
import org.edgefrac.core.SelfTest
import org.edgefrac.core.Verdict
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import kotlin.math.abs

/** The real model through the app's own engine, in the real runtime, which this machine has for its CPU alone. */
class LiteRtEngineTest {
    private val manager = AssetManager(Material.assets.parentFile)
    private val assets = AppAssets.open(BundledAssets(manager))
    private val selfTest = SelfTest(assets, Material.decoder)

    private fun open(accelerator: Accelerator) =
        LiteRtEngine.open(manager, BundledAssets.inside(assets.model), assets.contract, accelerator)

    private class Notes : Memory {
        private val kept = HashMap<String, String>()

        override fun read(name: String) = kept[name]

        override fun write(name: String, value: String) {
            kept[name] = value
        }
    }

    /** A real engine, of which one value of the evidence goes wrong: what a broken accelerator does. */
    private class Broken(private val engine: Engine, override val accelerator: Accelerator, private val by: Float) : Engine by engine {
        override fun run(input: ByteArray): NetworkOutput = engine.run(input).also { it.evidence[it.evidence.size / 2] += by }
    }

    @Test
    fun theCpuReproducesTheGoldensAndIsChosen() {
        val choice = Accelerators({ open(it) }, selfTest, Notes(), "this machine").choose()
        choice.engine.use {
            println("self-test: " + choice.trials.joinToString { "${it.accelerator} ${it.verdict} ${it.words}" })
            assertEquals(Accelerator.CPU, it.accelerator)
        }
    }

    @Test
    fun aBrokenAcceleratorIsRefused() {
        val off = 2 * assets.golden.maxOf { it.evidenceTolerance }.toFloat()
        val opener = EngineOpener { if (it == Accelerator.GPU) Broken(open(Accelerator.CPU), it, off) else open(it) }
        val choice = Accelerators(opener, selfTest, Notes(), "this machine").choose()
        choice.engine.use { assertEquals(Accelerator.CPU, it.accelerator) }
        assertEquals(Verdict.REFUSED, choice.trials.first { it.accelerator == Accelerator.GPU }.verdict)
    }

    @Test
    fun answersRadiographsAsPythonDoes() {
        val reader = Reader(assets.contract, assets.display)
        val size = assets.contract.input.size
        val allowed = assets.golden.first()
        var probability = 0f
        var evidence = 0f
        var flips = 0
        var milliseconds = 0.0
        val images = open(Accelerator.CPU).use { engine ->
            Material.each("images") { row, bytes ->
                val radiograph = Radiograph(bytes.raster(row), row["chroma"].number())
                assertArrayEquals(bytes.bytes(size * size), Preprocess.networkInput(radiograph.raster, size))
                val wanted = NetworkOutput(bytes.floats(assets.contract.probability.values), bytes.floats(assets.contract.evidence.values))
                val found = engine.run(reader.networkInput(radiograph))
                probability = maxOf(probability, furthest(found.probability, wanted.probability))
                evidence = maxOf(evidence, furthest(found.evidence, wanted.evidence))
                val reading = reader.read(radiograph, engine)
                milliseconds += reading.milliseconds
                if (reading.label != row["label"].text()) flips++
                val meant = reader.reading(radiograph, reader.networkInput(radiograph), wanted, 0.0)
                assertEquals(row["name"].text(), row["finding"].text(), meant.finding.name.lowercase())
                assertEquals(row["name"].text(), row["regions"].whole(), meant.regions.size)
            }
        }
        println("engine: $images images, probability within $probability, evidence within $evidence, $flips decisions differ, %.1f ms each".format(milliseconds / images))
        assertTrue("$images images", images >= 100)
        assertTrue("probability is off by $probability", probability <= allowed.probabilityTolerance)
        assertTrue("evidence is off by $evidence", evidence <= allowed.evidenceTolerance)
        assertEquals(0, flips)
    }

    @Test
    fun refusesAnInputOfAnotherSize() {
        open(Accelerator.CPU).use { engine -> assertThrows(Refusal::class.java) { engine.run(ByteArray(10)) } }
    }

    private fun furthest(found: FloatArray, wanted: FloatArray): Float {
        assertEquals(wanted.size, found.size)
        return wanted.indices.maxOf { abs(found[it] - wanted[it]) }
    }
}
