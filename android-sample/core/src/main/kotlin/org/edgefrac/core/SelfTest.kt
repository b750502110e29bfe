package org.edgefrac.core

import java.util.Locale
import kotlin.math.abs

/** The platform's image decoder, as the self-test needs it: the bytes of a PNG to opaque ARGB, exactly as stored. */
fun interface PngDecoder {
    fun decode(png: ByteArray): Pixels
}

/** Opaque ARGB, row by row. */
class Pixels(val width: Int, val height: Int, val argb: IntArray) {
    fun radiograph(): Radiograph = GreyBuilder(width, height).apply { add(argb, argb.size) }.radiograph()
}

/** How far an accelerator's answers are from the golden vectors at most; [milliseconds] is the last run's time. */
class Distance(val probability: Double, val evidence: Double, val milliseconds: Double)

/** Does this phone compute what the model was certified for? Asked of the app's own code, and of each accelerator. */
class SelfTest(private val assets: AppAssets, private val decoder: PngDecoder) {
    private val reader = Reader(assets.contract, assets.display)
    private val inputs = HashMap<String, ByteArray>()

    /**
     * Decoder, preprocessing, overlay and findings on every golden vector, without the network.
     *
     * Throws a [Refusal] that names the first difference.
     */
    fun checkThePhone() {
        for (vector in assets.golden) {
            val radiograph = decoder.decode(assets.bytes(vector.raster)).radiograph()
            val input = reader.networkInput(radiograph)
            if (!input.contentEquals(golden(vector))) differs(vector, "network input")
            val reading = reader.reading(radiograph, input, expected(vector), 0.0)
            val overlay = decoder.decode(assets.bytes(vector.overlay))
            if (!reader.painted(reading, radiograph.raster).contentEquals(overlay.argb)) differs(vector, "heat map")
            findings(vector, reading)
            val distance = reader.distance(input)
            if (distance == null || vector.distance == null) {
                if (distance != vector.distance) differs(vector, "distance from the training radiographs")
            } else if (abs(distance - vector.distance) > DISTANCE * vector.distance) {
                differs(vector, "distance from the training radiographs")
            }
        }
    }

    /** Run every golden input; throws a [Refusal] where an answer is further off than the vector allows. */
    fun checkTheAccelerator(engine: Engine): Distance {
        var probability = 0.0
        var evidence = 0.0
        var nanoseconds = 0L
        for (vector in assets.golden) {
            val start = System.nanoTime()
            val output = engine.run(golden(vector))
            nanoseconds = System.nanoTime() - start
            val ofProbability = furthest(output.probability, vector.probability)
            val ofEvidence = furthest(output.evidence, vector.evidence)
            within(vector, "probability", ofProbability, vector.probabilityTolerance)
            within(vector, "evidence", ofEvidence, vector.evidenceTolerance)
            probability = maxOf(probability, ofProbability)
            evidence = maxOf(evidence, ofEvidence)
        }
        return Distance(probability, evidence, nanoseconds / 1e6)
    }

    private fun golden(vector: GoldenVector): ByteArray = inputs.getOrPut(vector.name) {
        decoder.decode(assets.bytes(vector.input)).radiograph().raster.pixels
    }

    private fun findings(vector: GoldenVector, reading: Reading) {
        if (reading.label != vector.label) differs(vector, "decision")
        if (reading.finding.name.lowercase() != vector.finding) differs(vector, "finding")
        val (x, y) = reading.peak
        if (abs(x - vector.peak[0]) > WRITTEN || abs(y - vector.peak[1]) > WRITTEN) differs(vector, "peak")
        val pairs = reading.regions.zip(vector.regions)
        if (reading.regions.size != vector.regions.size || !pairs.all { (a, b) -> alike(a, b) }) differs(vector, "regions")
    }

    private fun alike(found: Region, wanted: Region): Boolean {
        val a = found.box
        val b = wanted.box
        val off = listOf(a.x - b.x, a.y - b.y, a.width - b.width, a.height - b.height)
        val sums = listOf(found.logOdds - wanted.logOdds, found.share - wanted.share)
        return off.all { abs(it) <= WRITTEN } && sums.all { abs(it) <= SUM }
    }

    private fun expected(vector: GoldenVector) = NetworkOutput(floats(vector.probability), floats(vector.evidence))

    private fun floats(values: DoubleArray) = FloatArray(values.size) { values[it].toFloat() }

    private fun furthest(found: FloatArray, wanted: DoubleArray): Double {
        if (found.size != wanted.size) return Double.NaN
        var furthest = 0.0
        for (index in wanted.indices) {
            val off = abs(found[index] - wanted[index])
            if (off.isNaN()) return off
            furthest = maxOf(furthest, off)
        }
        return furthest
    }

    private fun differs(vector: GoldenVector, what: String): Nothing =
        throw Refusal("This phone does not reproduce the $what of ${vector.name}")

    private fun within(vector: GoldenVector, what: String, off: Double, allowed: Double) {
        if (off <= allowed) return // which a NaN is not
        throw Refusal("${vector.name}: the $what is off by %.3g, and %.3g is allowed".format(Locale.ROOT, off, allowed))
    }

    private companion object {
        const val DISTANCE = 1e-6 // relative; logarithms may differ in the last digit
        const val WRITTEN = 0.051 // pixels; the goldens are written to one decimal
        const val SUM = 2e-4 // the goldens are written to four decimals, and are sums of float32
    }
}
